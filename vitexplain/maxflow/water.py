"""Sharing a need out among suppliers as water fills vessels: in proportion to weights, up to each one's capacity."""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.descent import TINY

_STEPS = 3


def water_level(capacity: Tensor, weight: Tensor, need: Tensor) -> Tensor:
    """Return the level (R,) at which suppliers that give min(capacity, level * weight) give about the need in sum.

    `capacity` (R, n), `weight` (R, n) or (n,), `need` (R,), all at least 0. A few steps of Newton's method on a
    concave, piecewise linear function, from below, so that the level never overshoots.
    """
    level = need / weight.sum(-1).clamp(min=TINY)
    for _ in range(_STEPS):
        offered = level[:, None] * weight
        missing = need - torch.minimum(capacity, offered).sum(1)
        rising = (capacity - offered).sign_().clamp_(min=0).mul_(weight).sum(1)
        step = torch.where(rising > 0, missing / rising.clamp(min=TINY), 0.0).clamp(min=0)
        level = level + step
        if not bool((step > 1e-14 * level).any()):
            break
    return level


def share_out(capacity: Tensor, weight: Tensor, need: Tensor) -> Tensor:
    """Return what each of n suppliers gives (R, n) so that the sum is the need: up to the water level, or a bit more.

    What is still missing at the water level found is taken in proportion to the capacity left, in these terms the
    need is met exactly. Suppliers of weight 0 give nothing; where the others cannot give the need, they give all.
    """
    usable = capacity * weight.sign()
    given = torch.minimum(usable, water_level(usable, weight, need)[:, None] * weight)
    missing, left = need - given.sum(1), usable - given
    part = (missing / left.sum(1).clamp(min=TINY)).clamp(0, 1)
    return torch.addcmul(given, part[:, None], left)
