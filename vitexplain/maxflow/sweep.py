"""The certifying sweep: for all sinks at once, build a flow as large as the bound, from the sink upwards.

Layer 1 is asked to be saturated: sink j asks min(c(i, j), B(i)) of every token i of level 1. Level by level the demand
is passed on to suppliers one level higher (`LayerPull`), and the sweep stops for a sink as soon as rollout settles it:

- no token is asked for more than its rollout mass: a part of rollout supplies all, and the sink's bound is reached;
- no token is asked for less, and rollout has lost nothing: all that the source has flows through a part of what was
  pulled, and the cut around the source is reached.

Either is a proof, edge by edge, though no edge's flow is ever written down. "Not found" proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, Descent
from vitexplain.maxflow.pull import QUICK, Effort, LayerPull, off_balance
from vitexplain.maxflow.water import share_out

_SURPLUS = 0.5
"""Of what a sink could take beyond the source's capacity, so much is asked for: slack for the second proof."""


@dataclass(frozen=True)
class Sweep:
    """What the sweep found for each of S sinks.

    `bound` (S,): upper bound of the flow, min(T, sum_i min(c(i, j), B(i))); `proven` (S,) bool: a flow of that
    value exists. `requests[l - 1]` (S, N_l): what that flow asks at most of the tokens of level l. `level` (S,): that
    from which rollout supplies it, 0 where nothing is proven.
    """

    bound: Tensor
    proven: Tensor
    requests: tuple[Tensor, ...]
    level: Tensor

    def put(self, positions: Tensor, other: Sweep) -> None:
        """Put at `positions` what a later sweep of those sinks found."""
        self.proven[positions], self.level[positions] = other.proven, other.level
        for requests, later in zip(self.requests, other.requests, strict=True):
            requests[positions] = later


def sweep(descent: Descent, sinks: Tensor, effort: Effort = QUICK, levels: int | None = None) -> Sweep:
    """Return which of the S `sinks` reach their bound, by one pass up the layers (or `levels` of them)."""
    into = descent.capped(1).T[sinks].contiguous()
    most = into.sum(1)
    demand, open_sinks = into, torch.arange(len(into), device=into.device)
    beyond = (most > descent.total).nonzero()[:, 0]
    if len(beyond):
        surplus = (_SURPLUS if descent.lossless[0] else 0.0) * (most[beyond] - descent.total)
        demand = into.clone()
        demand[beyond] = share_out(into[beyond], descent.mass[0], descent.total + surplus)
    proven = torch.zeros(len(into), dtype=torch.bool, device=into.device)
    level_of = torch.zeros(len(into), dtype=torch.long, device=into.device)
    requests = [mass.expand(len(into), -1).clone() for mass in descent.mass]
    bound = most.clamp(max=descent.total)
    served = demand.sum(1) >= bound * (1 - EPS)
    for level, (mass, lossless) in enumerate(zip(descent.mass, descent.lossless, strict=True), 1):
        if level > 1:
            demand, served = LayerPull(descent, level, effort)(demand)
        requests[level - 1][open_sinks] = demand
        done = served & (off_balance(demand, mass, lossless) <= EPS)
        proven[open_sinks[done]] = True
        level_of[open_sinks[done]] = level
        going = served & ~done
        open_sinks, demand = open_sinks[going], demand[going]
        if level == levels or not len(open_sinks):
            break
    return Sweep(bound, proven, tuple(requests), level_of)
