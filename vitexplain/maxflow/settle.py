"""All sinks of one network: chain cuts, the sweep, the solver for the rest, and the cut to report for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.bound_cut import bound_cuts, nearest_source
from vitexplain.maxflow.chain_cuts import chain_cuts
from vitexplain.maxflow.cut import Cuts, Report, choose, join, none_of
from vitexplain.maxflow.descent import EPS, TINY, Descent, descend
from vitexplain.maxflow.finish import finish
from vitexplain.maxflow.known_pushes import KnownPushes
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.solver import Solver
from vitexplain.maxflow.sweep import KnownPulls, Sweep, sweep

_ROUNDING = 3 * EPS
"""Of a flow that the sweep builds, at most so much is lost in each layer to comparisons with a slack of EPS."""
_SPARSE = 0.05
"""With so small a share of all possible edges the solver is quicker than the sweep."""
_MANY = 0.25
"""A sweep that was begun in another graph is repeated from the image if it leaves so large a part of its sinks."""


@dataclass(frozen=True)
class Settled:
    """The cuts to report for all N_0 sinks, how far from them the flows may be, and how many sinks the solver took.

    `cuts` holds the inner cuts, of the sinks that may have another one than the two outermost. `from_level` (N_0,): the
    level from which rollout supplies a flow as large as an outermost cut, as far as a sweep has proven one; else 0.
    """

    report: Report
    cuts: Cuts
    gap: float
    left_to_solver: int
    from_level: Tensor


def settle(network: Network) -> Settled:
    """Return the maximum flow of every sink of `network`, by its minimum cut."""
    outer = torch.zeros(network.sinks, dtype=torch.bool, device=network.start.device)
    return settle_descent(descend(network), outer, none_of(network), KnownPushes())


def settle_descent(
    descent: Descent, outer: Tensor, known: Cuts, pushes: KnownPushes, pulls: KnownPulls | None = None
) -> Settled:
    """Do what `settle` does for the network of `descent`, of whose sinks some are settled already.

    A flow as large as an outermost cut is known for `outer` (N_0,) bool, the minimum cuts `known` for others. `pushes`,
    `pulls`: what is shared with graphs cut off elsewhere; what is found is added.
    """
    network, outermost = descent.network, descent.network.outermost_capacity
    from_level, flow = torch.zeros_like(outer, dtype=torch.long), outermost.clone()
    to_sweep, flow[known.sinks] = ~outer, torch.inf  # Nothing is open about the known ones: no gap.
    to_sweep[known.sinks] = False
    if not bool(to_sweep.any()):
        return _settled(network, known, flow * (1 - _ROUNDING * network.depth), 0, from_level)
    chained = chain_cuts(descent, outermost.masked_fill(~to_sweep, 0.0), pushes)
    to_sweep[chained.cuts.sinks[chained.proven | chained.short]] = False
    sinks = to_sweep.nonzero()[:, 0]
    swept = _sweep(descent, sinks, pulls)
    finish(descent, swept, swept.bound >= outermost[sinks] * (1 - EPS))
    if pulls is not None:
        pulls.add(descent, sinks, swept)
    between = (swept.proven & (swept.bound < outermost[sinks] * (1 - EPS * network.depth))).nonzero()[:, 0]
    cuts = bound_cuts(descent, sinks[between])
    certain = nearest_source(descent, cuts, tuple(level[between] for level in swept.requests))
    certain |= swept.bound[between] == 0
    unproven = bound_cuts(descent, sinks[~swept.proven])
    inner = [known, chained.cuts.at(chained.proven), cuts.at(certain)]
    left = [chained.cuts.at(chained.short & ~chained.proven), cuts.at(~certain), unproven]
    count = sum(len(part.sinks) for part in left)
    cuts = join([*inner, *left])
    flow[chained.cuts.sinks], flow[sinks] = chained.value, swept.bound
    flow *= 1 - _ROUNDING * network.depth
    if count:
        flow[cuts.sinks[-count:]] = _solve(descent, cuts, outermost[cuts.sinks[-count:]])
    from_level[sinks] = torch.where(swept.bound >= outermost[sinks] * (1 - EPS), swept.level, 0)
    return _settled(network, cuts, flow, count, from_level)


def _settled(network: Network, cuts: Cuts, flow: Tensor, left_to_solver: int, from_level: Tensor) -> Settled:
    report = choose(network, cuts)
    return Settled(report, cuts, largest_gap(flow, report.value), left_to_solver, from_level)


def _sweep(descent: Descent, sinks: Tensor, known: KnownPulls | None) -> Sweep:
    """Sweep `sinks`, those that a shallower graph has brought up some way (`known`) from there.

    If that leaves many, these begin once more at the image. A graph of few edges is not swept at all but for what needs
    no more than a look: the solver takes it in its stride.
    """
    layers = descent.network.layers
    if not len(sinks):
        return sweep(descent, sinks, levels=1)
    edges = sum(int(layer.count_nonzero()) for layer in layers)
    if edges <= _SPARSE * sum(layer.numel() for layer in layers):
        return sweep(descent, sinks, levels=1)
    swept = sweep(descent, sinks, known=known)
    if known is not None and int((~swept.proven).sum()) > _MANY * len(sinks):
        left = (~swept.proven & (known.level[sinks] > 1)).nonzero()[:, 0]
        if len(left):
            swept.put(left, sweep(descent, sinks[left]))
    return swept


def _solve(descent: Descent, cuts: Cuts, outermost: Tensor) -> Tensor:
    """Return the flows (S,) of the last S sinks of `cuts` by the solver, and put their minimum cuts there.

    `outermost` (S,): the smaller of the two outermost cuts of each; a flow that reaches it needs no other cut.
    """
    solver, flows = Solver(descent), []
    for position, enough in enumerate(outermost.tolist(), len(cuts.sinks) - len(outermost)):
        guess = [side[position].cpu().numpy() for side in cuts.near]
        value, sides = solver.solve(int(cuts.sinks[position]), guess, enough)
        flows.append(value)
        for side, found in zip(cuts.near, sides or guess, strict=True):
            side[position] = torch.from_numpy(found)
    return torch.tensor(flows, dtype=torch.float64, device=cuts.sinks.device)


def largest_gap(flow: Tensor, cut: Tensor) -> float:
    """Return the largest (cut - flow) / cut; where the cut is 0 so is the flow, and there is no gap."""
    return float(((cut - flow) / cut.clamp(min=TINY)).clamp(min=0).max())
