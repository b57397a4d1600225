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
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.pull import LayerPull, off_balance
from vitexplain.maxflow.water import share_out

_SURPLUS = 0.5
"""Of what a sink could take beyond the source's capacity, so much is asked for: slack for the second proof."""
ROOM_TO_MIX = 2
"""What is found so many levels below the top of a graph, or lower, is of use to others: higher up masses are unlike."""


@dataclass(frozen=True)
class Sweep:
    """What the sweep found for each of S sinks.

    `bound` (S,): upper bound of the flow, min(T, sum_i min(c(i, j), B(i))); `proven` (S,) bool: a flow of that
    value exists. `requests[l - 1]` (S, N_l): what that flow asks at most of the tokens of level l. `level` (S,): that
    from which rollout supplies it, 0 where nothing is proven. `pulled` (S,): up to this level requests are demands
    that the edges below can meet, proven or not; 0 where there are none.
    """

    bound: Tensor
    proven: Tensor
    requests: tuple[Tensor, ...]
    level: Tensor
    pulled: Tensor

    def put(self, positions: Tensor, other: Sweep) -> None:
        """Put at `positions` what a later sweep of those sinks found."""
        self.proven[positions], self.level[positions] = other.proven, other.level
        self.pulled[positions] = other.pulled
        for requests, later in zip(self.requests, other.requests, strict=True):
            requests[positions] = later


class KnownPulls:
    """Demands that sweeps have pulled up the layers, of use in every graph of the same layers, however deep.

    What the edges below can meet does not depend on what is above, only whether it can be supplied does.
    """

    def __init__(self, network: Network) -> None:
        """Nothing is known yet of the sinks of `network`, or of the same graph cut off elsewhere."""
        self.requests: list[Tensor] = []
        self.level = torch.zeros(network.sinks, dtype=torch.long, device=network.start.device)

    def add(self, descent: Descent, sinks: Tensor, found: Sweep) -> None:
        """Keep what was `found` for `sinks`, from two levels below the top down: where it ends, all is different.

        Graphs come in the order of their depths, shallow ones first.
        """
        network = descent.network
        for level in range(len(self.requests) + 1, network.depth - ROOM_TO_MIX + 1):
            self.requests.append(torch.zeros(network.sinks, len(network.layers[level - 1])).to(network.start))
        pulled = found.pulled.clamp(max=network.depth - ROOM_TO_MIX)
        better = pulled >= self.level[sinks]
        self.level[sinks[better]] = pulled[better]
        for known, requests in zip(self.requests, found.requests, strict=False):
            known[sinks[better]] = requests[better]


def sweep(descent: Descent, sinks: Tensor, levels: int | None = None, known: KnownPulls | None = None) -> Sweep:
    """Return which of the S `sinks` reach their bound, by one pass up the layers (or `levels` of them).

    Those that have been pulled through some layers before (`known`) go on from there.
    """
    into = descent.capped(1).T[sinks].contiguous()
    bound = into.sum(1).clamp(max=descent.total)
    requests = [mass.expand(len(into), -1).clone() for mass in descent.mass]
    demand, begin = _first_demand(descent, into), torch.ones_like(sinks)
    top = descent.network.depth - ROOM_TO_MIX
    if known is not None and known.requests and top > 0:
        enough = known.requests[0][sinks].sum(1) >= bound * (1 - EPS)
        begin = torch.where(enough, known.level[sinks].clamp(max=top), 0).clamp(min=1)
        for level, earlier in enumerate(known.requests[:top], 1):
            requests[level - 1][begin >= level] = earlier[sinks[begin >= level]]
    requests[0][begin == 1] = demand[begin == 1]
    proven = torch.zeros_like(sinks, dtype=torch.bool)
    level_of, pulled = torch.zeros_like(sinks), begin.clone()
    open_sinks, served = sinks[:0], proven[:0]
    for level, (mass, lossless) in enumerate(zip(descent.mass, descent.lossless, strict=True), 1):
        if len(open_sinks):
            demand, served = LayerPull(descent, level)(demand)
            requests[level - 1][open_sinks] = demand
            pulled[open_sinks[served]] = level
        else:
            demand = requests[level - 1][:0]
        joining = (begin == level).nonzero()[:, 0]
        open_sinks = torch.cat([open_sinks, joining])
        demand = torch.cat([demand, requests[level - 1][joining]])
        served = torch.cat([served, demand[len(served) :].sum(1) >= bound[joining] * (1 - EPS)])
        done = served & (off_balance(demand, mass, lossless) <= EPS)
        proven[open_sinks[done]] = True
        level_of[open_sinks[done]] = level
        going = served & ~done
        open_sinks, demand, served = open_sinks[going], demand[going], served[going]
        if level == levels or not (len(open_sinks) or bool((begin > level).any())):
            break
    return Sweep(bound, proven, tuple(requests), level_of, pulled)


def _first_demand(descent: Descent, into: Tensor) -> Tensor:
    """Return what the sinks ask of the tokens of level 1 (S, N_1), whose edges to them are `into` (S, N_1)."""
    most = into.sum(1)
    beyond = (most > descent.total).nonzero()[:, 0]
    if not len(beyond):
        return into
    demand = into.clone()
    surplus = (_SURPLUS if descent.lossless[0] else 0.0) * (most[beyond] - descent.total)
    demand[beyond] = share_out(into[beyond], descent.mass[0], descent.total + surplus)
    return demand
