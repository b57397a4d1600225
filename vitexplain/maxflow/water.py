"""Sharing a need out among suppliers as water fills vessels: in proportion to weights, up to each one's capacity."""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.descent import TINY

_STEPS = 8


def share_out(capacity: Tensor, weight: Tensor, need: Tensor) -> Tensor:
    """Return what each of n suppliers gives in each of R cases: about min(capacity, level * weight), need in sum.

    `capacity` (R, n), `weight` (R, n) or (n,), `need` (R,), all at least 0. The water level of each case is found by
    Newton's method on a concave, piecewise linear function, from below, so that it never overshoots; after a bounded
    number of steps what is still missing is taken in proportion to the capacity left. Suppliers of weight 0 give
    nothing. Where all the others together cannot give the need, they give all they have.
    """
    usable = torch.where(weight > 0, capacity, 0.0)
    level = need / weight.sum(-1).clamp(min=TINY)
    given = torch.minimum(usable, level[:, None] * weight)
    for _ in range(_STEPS):
        missing = need - given.sum(1)
        rising = torch.where(given < usable, weight, 0.0).sum(1)
        step = torch.where(rising > 0, missing / rising.clamp(min=TINY), 0.0).clamp(min=0)
        if not bool((step > 1e-14 * level).any()):
            break
        level = level + step
        given = torch.minimum(usable, level[:, None] * weight)
    missing, left = need - given.sum(1), usable - given
    part = (missing / left.sum(1).clamp(min=TINY)).clamp(0, 1)
    return given + part[:, None] * left
