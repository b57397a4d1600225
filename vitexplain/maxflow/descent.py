"""What one pass from the source down to the image knows: bounds from above, and rollout as a flow from below.

Both are shared by all sinks. The bound of a token is the most that can arrive there, counted layer by layer:
B(k) = min(T, sum_i min(c(i, k), B(i))), T being all that leaves the source. Rollout is a feasible flow: every token
splits what it received in proportion to its outgoing capacities (attention rollout, Abnar & Zuidema 2020, section 3,
for capacities whose rows sum to 1). Whatever asks of no token more than its rollout mass can be supplied by a part of
rollout; and whatever takes from every token all of its rollout mass carries all that the source has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.network import Network

EPS = 1e-12
"""Relative slack for rounding when two float64 flows are compared."""
TINY = 1e-300
"""Keeps a division by zero finite."""


@dataclass(frozen=True)
class Descent:
    """For levels 1 .. L (position l - 1): bounds (N_l,), rollout mass (N_l,), and whether rollout lost nothing."""

    network: Network
    total: float
    bounds: tuple[Tensor, ...]
    mass: tuple[Tensor, ...]
    lossless: tuple[bool, ...]

    def capped(self, level: int) -> Tensor:
        """Return layer `level` (N_l, N_{l-1}) with no edge wider than what can arrive at the token above it."""
        return torch.minimum(self.network.layers[level - 1], self.bounds[level - 1][:, None])

    def arriving(self) -> Tensor:
        """Return the bounds (N_0,) of the sinks."""
        return self.capped(1).sum(0).clamp(max=self.total)


def descend(network: Network) -> Descent:
    """Return the bounds and rollout masses of all levels of `network`."""
    total = float(network.source_capacity)
    bounds, mass, lossless = [network.start], [network.start], [True]
    for layer in reversed(network.layers[1:]):
        capped = torch.minimum(layer, bounds[-1][:, None])
        share = (mass[-1] / capped.sum(1).clamp(min=TINY)).clamp(max=1.0)
        bounds.append(capped.sum(0).clamp(max=total))
        mass.append(share @ capped)
        lossless.append(float(mass[-1].sum()) >= total * (1 - EPS))
    return Descent(network, total, tuple(reversed(bounds)), tuple(reversed(mass)), tuple(reversed(lossless)))
