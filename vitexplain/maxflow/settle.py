"""All sinks of one network: the sweep for most, the solver for the rest, and the cut to report for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.bound_cut import bound_cuts, nearest_source
from vitexplain.maxflow.cut import Cuts, Report, choose
from vitexplain.maxflow.descent import EPS, TINY, descend
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.solver import Solver
from vitexplain.maxflow.sweep import sweep


@dataclass(frozen=True)
class Settled:
    """The cuts to report for all N_0 sinks, how far from them the flows may be, and how many sinks the solver took."""

    report: Report
    gap: float
    left_to_solver: int


def settle(network: Network) -> Settled:
    """Return the maximum flow of every sink of `network`, by its minimum cut."""
    descent = descend(network)
    swept = sweep(descent)
    outermost = torch.minimum(network.column_capacity, network.source_capacity)
    between = (swept.proven & (swept.bound < outermost * (1 - EPS * network.depth))).nonzero()[:, 0]
    every = torch.arange(network.sinks, device=swept.bound.device)
    near = [side.clone() for side in bound_cuts(descent, every).near]
    unsure = ~swept.proven
    if len(between):
        cuts = Cuts(between, tuple(side[between] for side in near))
        requests = tuple(level[between] for level in swept.requests)
        unsure[between] = ~nearest_source(descent, cuts, requests)
    left = unsure.nonzero()[:, 0]
    flow = swept.bound * (1 - EPS * network.depth)
    if len(left):
        solver = Solver(descent)
        for sink in left.tolist():
            guess = [side[sink].cpu().numpy() for side in near]
            value, sides = solver.solve(sink, guess)
            flow[sink] = value
            for side, found in zip(near, sides, strict=True):
                side[sink] = torch.from_numpy(found)
    report = choose(network, Cuts(every, tuple(near)))
    return Settled(report, largest_gap(flow, report.value), len(left))


def largest_gap(flow: Tensor, cut: Tensor) -> float:
    """Return the largest (cut - flow) / cut; where the cut is 0 so is the flow, and there is no gap."""
    return float(((cut - flow) / cut.clamp(min=TINY)).clamp(min=0).max())
