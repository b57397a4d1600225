"""The forward sweep, from the source down to the image: what can arrive at most, and rollout as a flow that does.

Both are computed once and shared by all sinks. The bound of a token is the most that can arrive there, counted level
by level: B(k) = min(T, sum_i min(c(i, k), B(i))), T being all that leaves the source. Rollout is a feasible flow: every
token splits what it received in proportion to its outgoing capacities (attention rollout, Abnar & Zuidema 2020,
section 3, for capacities whose rows sum to 1). What a token receives in it is its rollout mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.problem import FlowProblem

EPS = 1e-12
"""Relative slack when two float64 flows are compared: larger proves more than is true, smaller fails on rounding."""
TINY = 1e-300
"""Keeps a division by zero finite: any number below all that a problem in its unit can hold would do."""


@dataclass(frozen=True)
class Forward:
    """For levels 1 .. L (position l - 1): bounds (N_l,), rollout mass (N_l,), and whether rollout lost nothing.

    Rollout loses where the edges out of a token carry less than it receives.
    """

    problem: FlowProblem
    total: float
    bounds: tuple[Tensor, ...]
    mass: tuple[Tensor, ...]
    lossless: tuple[bool, ...]

    def capped(self, level: int) -> Tensor:
        """Return layer `level` (N_l, N_{l-1}) with no edge wider than what can arrive at the token above it."""
        return torch.minimum(self.problem.layers[level - 1], self.bounds[level - 1][:, None])


def sweep_forward(problem: FlowProblem) -> Forward:
    """Return the bounds and rollout masses of all levels of `problem`."""
    total = float(problem.source_capacity)
    bounds, mass, lossless = [problem.start], [problem.start], [True]
    for layer in reversed(problem.layers[1:]):
        capped = torch.minimum(layer, bounds[-1][:, None])
        share = (mass[-1] / capped.sum(1).clamp(min=TINY)).clamp(max=1.0)
        bounds.append(capped.sum(0).clamp(max=total))
        mass.append(share @ capped)
        lossless.append(float(mass[-1].sum()) >= total * (1 - EPS))
    return Forward(problem, total, tuple(reversed(bounds)), tuple(reversed(mass)), tuple(reversed(lossless)))
