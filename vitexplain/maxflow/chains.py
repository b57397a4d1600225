"""Cuts along two chains: where the minimum cuts of shallow attention graphs lie, for all sinks at once.

In a graph of few layers most that leaves the source stays on its *head chain* (the strongest edge down, then again the
strongest: with residual connections the source's own token), and most that reaches a sink comes by its *tail chain*
(the strongest edge up). A chain cut at level m has on the source's side, above level m, the head chain alone; below
level m, everything but the tail chain; and of level m each token to which the head gives more than it passes on to the
tail. So it counts all edges out of the head chain above, all edges into the tail chain below, and the smaller of the
two edges of every token of level m. There are only L - 1 such cuts a sink.

A chain cut is minimal if what leaves the head chain early finds its way into what the tail chain still takes at level
m, and what enters the tail chain late can be supplied from what the head chain still has there: two pushes
(`proportional`), one down and one up, that share no edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.bound_cut import nearest_source
from vitexplain.maxflow.cut import Cuts, join
from vitexplain.maxflow.descent import EPS, Descent
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.proportional import Course, push

_LONGEST = 3
"""Pushes through more layers than this are not tried: they seldom fit, and in deep graphs the sweep does better."""


@dataclass(frozen=True)
class Chained:
    """For S sinks the best chain cut, its capacity (S,), and whether (S,) a flow proves it the one to report."""

    cuts: Cuts
    value: Tensor
    proven: Tensor


def chain_cuts(descent: Descent, most: Tensor) -> Chained:
    """Return the best chain cuts of the sinks for which one is smaller than `most` (N_0,), a cut known without it.

    No chain cut is returned that is larger than the bound of `descent`.
    """
    chains = _Chains(descent.network)
    value, level = chains.best(most)
    smaller = (value < most * (1 - EPS * chains.top)) & (value <= descent.arriving() * (1 + EPS * chains.top))
    found = []
    for at in range(1, chains.top):
        sinks = (smaller & (level == at)).nonzero()[:, 0]
        if len(sinks):
            found.append(_prove(descent, chains, at, sinks, value[sinks]))
    if not found:
        none = torch.zeros(0, dtype=torch.long, device=most.device)
        nothing = tuple(layer[:, :0].T > 0 for layer in descent.network.layers)
        return Chained(Cuts(none, nothing), most[:0], none > 0)
    return Chained(
        join([part.cuts for part in found]),
        torch.cat([part.value for part in found]),
        torch.cat([part.proven for part in found]),
    )


class _Chains:
    """The chains of a network whose source is one token of level `top`; a virtual source makes a level of its own.

    `heads[l]` is the head chain's token of level l; `tails[l]` (N_0,) are the tail chains', as far as they are known.
    """

    def __init__(self, network: Network) -> None:
        self.layers = network.layers if network.source_is_token else (*network.layers, network.start[None])
        self.top = len(self.layers)
        self.heads, self.tails = {self.top: 0}, {0: torch.arange(network.sinks, device=network.start.device)}
        for level in range(self.top - 1, 0, -1):
            self.heads[level] = int(self.row(level + 1).argmax())

    def best(self, most: Tensor) -> tuple[Tensor, Tensor]:
        """Return the smallest capacity of a chain cut and its level, both (N_0,); those not below `most` are inf, 0."""
        value, level = torch.full_like(most, torch.inf), torch.zeros_like(self.tails[0])
        inside = torch.zeros_like(most)
        for at in range(1, self.top):
            if bool((inside >= most).all()):
                break
            outside = inside + sum(self.leaving(layer).sum() for layer in range(at + 2, self.top + 1))
            column = self.column(at, self.tails[0])
            self.tails[at] = column.argmax(1)
            if bool((outside < most).any()):
                capacity = outside + torch.minimum(self.row(at + 1), column).sum(1)
                level = torch.where(capacity < value, at, level)
                value = torch.minimum(value, capacity)
            inside = inside + column.sum(1) - column.amax(1)
        return value, level

    def tail(self, level: int) -> Tensor:
        """Return the tokens (N_0,) of the tail chains on a level."""
        if level not in self.tails:
            self.tails[level] = self.layers[level - 1].T[self.tail(level - 1)].argmax(1)
        return self.tails[level]

    def row(self, layer: int) -> Tensor:
        """Return the capacities (N_{l-1},) out of the head chain in layer l."""
        return self.layers[layer - 1][self.heads[layer]]

    def column(self, layer: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_l) into the tail chains of `sinks` in layer l."""
        return self.layers[layer - 1].T[self.tails[layer - 1][sinks]]

    def leaving(self, layer: int) -> Tensor:
        """Return the capacities (N_{l-1},) that leave the head chain in layer l: its own edge counts as 0."""
        row = self.row(layer).clone()
        row[self.heads[layer - 1]] = 0
        return row

    def entering(self, layer: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_l) that enter the tail chains in layer l: their own edge counts as 0."""
        return self.column(layer, sinks).scatter(1, self.tails[layer][sinks][:, None], 0.0)


def _prove(descent: Descent, chains: _Chains, level: int, sinks: Tensor, value: Tensor) -> Chained:
    """Return the chain cuts of `sinks` at `level`, proven where both pushes fit and both chains are wide enough."""
    supply, demand = chains.row(level + 1), chains.column(level, sinks)
    near = [torch.ones(len(sinks), len(layer), dtype=torch.bool, device=sinks.device) for layer in chains.layers]
    requests = [torch.zeros(side.shape).to(value) for side in near]
    proven = torch.ones_like(sinks, dtype=torch.bool)
    through = value
    for at in range(chains.top - 1, level, -1):
        through = through - chains.leaving(at + 1).sum()
        proven &= through <= chains.row(at + 1)[chains.heads[at]]
        near[at - 1][:] = False
        near[at - 1][:, chains.heads[at]] = True
        requests[at - 1][:, chains.heads[at]] = through
    through = value
    for at in range(1, level):
        tail = chains.tails[at][sinks][:, None]
        through = through - chains.entering(at, sinks).sum(1)
        proven &= through <= chains.column(at, sinks).gather(1, tail)[:, 0]
        near[at - 1].scatter_(1, tail, False)
    near[level - 1] = supply > demand
    requests[level - 1] = demand
    if max(level - 1, chains.top - 1 - level) > _LONGEST:
        proven[:] = False
    if level < chains.top - 1 and bool(proven.any()):
        proven &= push(_down(chains, level, sinks, (demand - supply).clamp(min=0))).fits
    if level > 1 and bool(proven.any()):
        pushed = push(_up(chains, level, sinks, (supply - demand).clamp(min=0)))
        proven &= pushed.fits
        requests[: level - 1] = pushed.held[:-1]
        requests[level - 1] = demand + pushed.held[-1]
    depth = descent.network.depth
    cuts = Cuts(sinks, tuple(near[:depth]))
    return Chained(cuts, value, proven & nearest_source(descent, cuts, tuple(requests[:depth])))


def _down(chains: _Chains, level: int, sinks: Tensor, room: Tensor) -> Course:
    """Return the course of what leaves the head chain above `level` + 1, down to `room` (S, N_level)."""
    levels = range(chains.top - 1, level, -1)
    return Course(
        entering=[chains.leaving(at + 1).expand(len(sinks), -1) for at in levels],
        layers=[chains.layers[at - 1] for at in levels],
        closed=[torch.full_like(sinks, chains.heads[at])[:, None] for at in levels[1:]],
        guides=[chains.tail(at)[sinks][:, None] for at in levels[1:]],
        room=room,
    )


def _up(chains: _Chains, level: int, sinks: Tensor, room: Tensor) -> Course:
    """Return the course, turned upside down, of what enters the tail chains below `level`, from `room` (S, N_level)."""
    levels = range(1, level)
    return Course(
        entering=[chains.entering(at, sinks) for at in levels],
        layers=[chains.layers[at].T for at in levels],
        closed=[chains.tails[at][sinks][:, None] for at in levels[1:]],
        guides=[torch.full_like(sinks, chains.heads[at])[:, None] for at in levels[1:]],
        room=room,
    )
