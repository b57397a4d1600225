"""All sinks of one network: the sweep for most, the solver for the rest, and the cut to report for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.bound_cut import bound_cuts, nearest_source
from vitexplain.maxflow.cut import Cuts, Report, choose
from vitexplain.maxflow.descent import EPS, TINY, Descent, descend
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
    unsure = ~swept.proven
    cuts = bound_cuts(descent, between)
    requests = tuple(level[between] for level in swept.requests)
    unsure[between] = ~nearest_source(descent, cuts, requests)
    left = unsure.nonzero()[:, 0]
    inner = torch.cat([between[~unsure[between]], left])
    cuts = bound_cuts(descent, inner)
    flow = swept.bound * (1 - EPS * network.depth)
    if len(left):
        flow[left] = _solve(descent, cuts, len(left))
    report = choose(network, cuts)
    return Settled(report, largest_gap(flow, report.value), len(left))


def _solve(descent: Descent, cuts: Cuts, count: int) -> Tensor:
    """Return the flows (count,) of the last `count` sinks of `cuts` by the solver, and put their minimum cuts there."""
    solver, flows = Solver(descent), []
    for position in range(len(cuts.sinks) - count, len(cuts.sinks)):
        guess = [side[position].cpu().numpy() for side in cuts.near]
        value, sides = solver.solve(int(cuts.sinks[position]), guess)
        flows.append(value)
        for side, found in zip(cuts.near, sides, strict=True):
            side[position] = torch.from_numpy(found)
    return torch.tensor(flows, dtype=torch.float64, device=cuts.sinks.device)


def largest_gap(flow: Tensor, cut: Tensor) -> float:
    """Return the largest (cut - flow) / cut; where the cut is 0 so is the flow, and there is no gap."""
    return float(((cut - flow) / cut.clamp(min=TINY)).clamp(min=0).max())
