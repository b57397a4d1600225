"""The backward sweep: for all sinks at once, construct a flow as large as the bound, from the sink upwards.

The sink's edges are to be saturated: sink j asks min(c(i, j), B(i)) of every token i of level 1. Level by level the
demand is passed on to suppliers one level higher (`LayerPull`), with no edge above its capacity. It ends for a sink as
soon as rollout, which is a feasible flow from the source down to that level, proves that the demand can be supplied:

- no token is asked for more than its rollout mass: a part of rollout supplies all, and the sink's bound is reached;
- no token is asked for less, and rollout has lost nothing: all that the source has flows through a part of what was
  pulled, and the cut around the source is reached.

Either is a proof, edge by edge, though no edge's flow is ever written down. "Not proven" says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.forward import EPS, Forward
from vitexplain.maxflow.pull import LayerPull, fill, off_balance

_SURPLUS = 0.5
"""The share asked for of what a sink could take beyond the source's capacity: 0 leaves the second proof no slack, 1
asks suppliers for what they need not give."""


@dataclass(frozen=True)
class Backward:
    """What the backward sweep found for each of the N_0 sinks.

    `bound` (N_0,): upper bound of the flow, min(T, sum_i min(c(i, j), B(i))). `proven` (N_0,) bool: a flow of that
    value exists. `requests[l - 1]` (N_0, N_l): what that flow asks at most of the tokens of level l.
    """

    bound: Tensor
    proven: Tensor
    requests: tuple[Tensor, ...]


def sweep_backward(forward: Forward, levels: int | None = None) -> Backward:
    """Return which sinks reach their bound, by one pass up the layers (or up `levels` of them only)."""
    into = forward.capped(1).T.contiguous()
    bound = into.sum(1).clamp(max=forward.total)
    requests = [mass.expand(len(into), -1).clone() for mass in forward.mass]
    proven = torch.zeros_like(bound, dtype=torch.bool)
    demand = _first_demand(forward, into)
    served, sinks = demand.sum(1) >= bound * (1 - EPS), torch.arange(len(into), device=into.device)
    for level, (mass, lossless) in enumerate(zip(forward.mass, forward.lossless, strict=True), 1):
        if level > 1:
            demand, served = LayerPull(forward, level)(demand)
        requests[level - 1][sinks] = demand
        done = served & (off_balance(demand, mass, lossless) <= EPS)
        proven[sinks[done]] = True
        going = served & ~done
        sinks, demand = sinks[going], demand[going]
        if level == levels or not len(sinks):
            break
    return Backward(bound, proven, tuple(requests))


def _first_demand(forward: Forward, into: Tensor) -> Tensor:
    """Return what the sinks ask of the tokens of level 1 (N_0, N_1), whose edges to them are `into` (N_0, N_1)."""
    most = into.sum(1)
    beyond = (most > forward.total).nonzero()[:, 0]
    if not len(beyond):
        return into
    demand = into.clone()
    surplus = (_SURPLUS if forward.lossless[0] else 0.0) * (most[beyond] - forward.total)
    demand[beyond] = fill(into[beyond], forward.mass[0], forward.total + surplus)
    return demand
