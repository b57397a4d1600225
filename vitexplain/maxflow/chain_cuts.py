"""Cuts along two chains, where most minimum cuts of shallow attention graphs lie: found and proven for all sinks.

A chain cut (`chains`) is minimal if what leaves the head chain early finds its way into what tail chain and twig still
take at level m, and what enters them late can be supplied from what the head chain still has there: two pushes
(`proportional`), one down and one up, that share no edge. And all chains must be wide enough for what goes through.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.bound_cut import nearest_source
from vitexplain.maxflow.chains import Chains
from vitexplain.maxflow.cut import Cuts, join, none_of
from vitexplain.maxflow.descent import EPS, TINY, Descent
from vitexplain.maxflow.known_pushes import KnownPushes
from vitexplain.maxflow.proportional import Course, push

_LONG, _MOST, _FIRST = 3, 0.5, 4
"""Pushes through more layers than this take long and seldom fit. They are tried where so large a part of all sinks has
the same kind of cut (few are swept sooner), and on so many sinks first: if none fits there, they are given up."""


@dataclass(frozen=True)
class Chained:
    """For S sinks the best chain cut, its capacity (S,), and whether (S,) a flow proves it the one to report.

    `short` (S,) bool: the cut is smaller than the bound that a sweep would aim at, in vain.
    """

    cuts: Cuts
    value: Tensor
    proven: Tensor
    short: Tensor


def chain_cuts(descent: Descent, most: Tensor, known: KnownPushes) -> Chained:
    """Return the best chain cuts of the sinks for which one is smaller than `most` (N_0,), a cut known without it.

    No chain cut is returned that is larger than the bound of `descent`. `known`: what pushes in a deeper graph of the
    same layers have shown; what is found here is added.
    """
    chains, arriving = Chains(descent.network), descent.arriving()
    value, level = chains.best(most)
    smaller = (value < most * (1 - EPS * chains.top)) & (value <= arriving * (1 + EPS * chains.top))
    none = none_of(descent.network)
    found = [(none, none.sinks > 0)]
    for at in range(1, chains.top):
        sinks = (smaller & (level == at)).nonzero()[:, 0]
        if len(sinks):
            found.append(_prove(descent, chains, at, sinks, value[sinks], known))
    cuts, proven = join([part for part, _ in found]), torch.cat([part for _, part in found])
    least = value[cuts.sinks]
    return Chained(cuts, least, proven, least < arriving[cuts.sinks] * (1 - EPS * chains.top))


def _prove(
    descent: Descent, chains: Chains, level: int, sinks: Tensor, value: Tensor, known: KnownPushes
) -> tuple[Cuts, Tensor]:
    """Return the chain cuts of `sinks` (S,) at `level`, whose capacities are `value` (S,), and which (S,) are proven.

    Proven are those of which both pushes fit and both chains are wide enough.
    """
    supply, demand = chains.row(level + 1), chains.taken(level, sinks)
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
        through = through - chains.entering(at, sinks, level).sum(1)
        if at < level - 1:
            proven &= through <= chains.column(at, sinks).gather(1, chains.ends(at, sinks, level))[:, 0]
        near[at - 1].scatter_(1, chains.ends(at, sinks, level), False)
    room, wide = drain(chains, level, sinks, through)
    proven &= wide
    near[level - 1] = supply > demand
    requests[level - 1] = demand
    if max(level - 1, chains.top - 1 - level) > _LONG:
        first = proven & (proven.cumsum(0) <= _FIRST)
        many = int(proven.sum()) >= _MOST * descent.network.sinks
        proven &= many and bool(_fit(chains, level, sinks, first, room, known)[0].any())
    fits, held = _fit(chains, level, sinks, proven, room, known)
    proven &= fits
    if level > 1:
        requests[: level - 1] = held[:-1]
        requests[level - 1] = demand + held[-1]
    depth = descent.network.depth
    cuts = Cuts(sinks, tuple(near[:depth]))
    return cuts, proven & nearest_source(descent, cuts, tuple(requests[:depth]))


def drain(chains: Chains, level: int, sinks: Tensor, through: Tensor) -> tuple[Tensor, Tensor]:
    """Return what (S, N_level) tail and twig can take from each token at most, beyond what the head chain gives it.

    And whether (S,) they are wide enough for what goes `through` (S,) both.
    """
    supply, column = chains.row(level + 1), chains.column(level, sinks)
    if level == 1:  # The sink itself takes everything.
        return (column - supply).clamp(min=0), torch.ones_like(sinks, dtype=torch.bool)
    edges = chains.into_twig(level, sinks)
    tail, twig = chains.column(level - 1, sinks).gather(1, chains.ends(level - 1, sinks, level)).T
    # The twig takes whole edges from tokens on the source's side, from others at least what the tail cannot take ...
    full = supply > column + edges
    least = torch.where(full, edges, (supply - column).clamp(min=0))
    # ... and an equal part of the rest of each edge, as far as it can pass it on.
    rest, spare = edges - least, twig - least.sum(1)
    takes = least + (spare / rest.sum(1).clamp(min=TINY)).clamp(0, 1)[:, None] * rest
    # Whatever pushes add, it may take so much of what the head chain gives alone; the tail must pass on the others.
    surely = torch.where(full, edges, torch.minimum(supply, takes)).sum(1)
    return (column + takes - supply).clamp(min=0), (spare >= 0) & (through - surely <= tail)


def _fit(
    chains: Chains, level: int, sinks: Tensor, wanted: Tensor, room: Tensor, known: KnownPushes
) -> tuple[Tensor, list[Tensor]]:
    """Return for which of `sinks` that are `wanted` (S,) bool both pushes fit, and what the one upwards holds.

    `room` (S, N_level): what there is for pushes down.
    """
    fits, held = wanted.clone(), list[Tensor]()
    if level < chains.top - 1:
        fits &= _fit_down(chains, level, sinks, fits, room, known)
    if level > 1:
        upward, held = _fit_up(chains, level, sinks, fits, known)
        fits &= upward
    return fits, held


def _fit_down(chains: Chains, level: int, sinks: Tensor, wanted: Tensor, room: Tensor, known: KnownPushes) -> Tensor:
    """Return for which of `sinks` all that leaves the head chain above `level` + 1 reaches tail or twig at `level`.

    Pushed is what is `wanted` (S,) bool and not known yet.
    """
    fits = known.down(chains, level)[sinks]
    new = (wanted & ~fits).nonzero()[:, 0]
    if len(new):
        fits[new] = push(_down(chains, level, sinks[new], room[new])).fits
        known.add_down(chains, level, sinks[fits])
    return fits


def _fit_up(
    chains: Chains, level: int, sinks: Tensor, wanted: Tensor, known: KnownPushes
) -> tuple[Tensor, list[Tensor]]:
    """Return for which of `sinks` the head chain has at `level` what enters the tail chain below, and what is held.

    Held (S, N_l) is what this takes from the tokens of levels 1 .. `level`.
    """
    upward = known.up(chains, level)
    new = sinks[wanted & ~upward.tried[sinks]]
    if len(new):
        room = (chains.row(level + 1) - chains.taken(level, new)).clamp(min=0)
        upward.add(new, push(_up(chains, level, new, room)))
    return upward.fits[sinks], [held[sinks] for held in upward.held]


def _down(chains: Chains, level: int, sinks: Tensor, room: Tensor) -> Course:
    """Return the course of what leaves the head chain above `level` + 1, down to `room` (S, N_level)."""
    levels = range(chains.top - 1, level, -1)
    return Course(
        entering=[chains.leaving(at + 1)[None] for at in levels],
        layers=[chains.layers[at - 1] for at in levels],
        closed=[torch.full_like(sinks[:1], chains.heads[at])[:, None] for at in levels[1:]],
        guides=[chains.tail(at)[sinks][:, None] for at in levels[1:]],
        room=room,
    )


def _up(chains: Chains, level: int, sinks: Tensor, room: Tensor) -> Course:
    """Return the course, turned upside down, of what enters the tail chains below `level`, from `room` (S, N_level)."""
    levels = range(1, level)
    return Course(
        entering=[chains.entering(at, sinks, level) for at in levels],
        layers=[chains.layers[at].T for at in levels],
        closed=[chains.ends(at, sinks, level) for at in levels[1:]],
        guides=[torch.full_like(sinks[:1], chains.heads[at])[:, None] for at in levels[1:]],
        room=room,
    )
