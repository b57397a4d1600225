"""All sinks of one problem: the sweeps, the solver for the rest, and the cut to report for each.

With verify=True a flow for every sink is written down, edge by edge, and laid with the reported cut before the judge in
`certificate`. These flows are the solver's, also for the sinks that the backward sweep settled: cuts and flows come
about independently, and meet only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from vitexplain.maxflow.backward import sweep_backward
from vitexplain.maxflow.certificate import Bools, check_flow, cut_capacity
from vitexplain.maxflow.cut import Cuts, Report, bound_cuts, choose, cuts_below, join, nearest_source
from vitexplain.maxflow.forward import EPS, TINY, Forward, sweep_forward
from vitexplain.maxflow.problem import FlowProblem
from vitexplain.maxflow.solver import Solver

_ROUNDING = 3 * EPS
"""At most this share of a flow that the sweep constructs is lost in each layer to comparisons with a slack of EPS."""
_SPARSE = 0.05
"""With at most this share of all possible edges the solver is quicker than the backward sweep."""


@dataclass(frozen=True)
class Settled:
    """The cuts to report for all N_0 sinks, how far from them the flows may be, and how many sinks the solver took.

    `cuts` holds the inner cuts, of the sinks that may have another one than the two outermost.
    """

    report: Report
    cuts: Cuts
    gap: float
    left_to_solver: int


def settle(problem: FlowProblem, known: Cuts | None = None) -> Settled:
    """Return the maximum flow of every sink of `problem`, by its minimum cut; for some it may be `known` already."""
    forward, outermost = sweep_forward(problem), problem.column_capacity.clamp(max=float(problem.source_capacity))
    edges = sum(int(layer.count_nonzero()) for layer in problem.layers)
    sparse = edges <= _SPARSE * sum(layer.numel() for layer in problem.layers)
    swept = sweep_backward(forward, levels=1 if sparse else None)
    still_open = torch.ones_like(swept.proven)
    if known is not None:
        still_open[known.sinks] = False
    inside = swept.bound < outermost * (1 - EPS * problem.depth)
    between = (still_open & swept.proven & inside).nonzero()[:, 0]
    cuts = bound_cuts(forward, between)
    certain = nearest_source(forward, cuts, tuple(level[between] for level in swept.requests))
    certain |= swept.bound[between] == 0
    left = join([cuts.at(~certain), bound_cuts(forward, (still_open & ~swept.proven).nonzero()[:, 0])])
    flow = swept.bound * (1 - _ROUNDING * problem.depth)
    flow[left.sinks] = _solve(forward, left, outermost[left.sinks])
    flow[~still_open] = torch.inf  # As large as the cut that is known.
    cuts = join([cuts.at(certain), left, *([] if known is None else [known])])
    report = choose(problem, cuts)
    return Settled(report, cuts, largest_gap(flow, report.value), len(left.sinks))


def settle_by_depth(problems: Sequence[FlowProblem]) -> list[Settled]:
    """Return the same for each of `problems`: one graph cut off after layers 1, 2, .. in this order.

    Every depth is a problem of its own. From deep to shallow, what is known of a minimum cut in a graph deeper by one
    layer is used where it holds without that layer.
    """
    settled = [settle(problems[-1])]
    for deeper, problem in pairwise(reversed(problems)):
        known = cuts_below(deeper, settled[-1].cuts, settled[-1].report, problem)
        settled.append(settle(problem, known))
    return settled[::-1]


def _solve(forward: Forward, cuts: Cuts, outermost: Tensor) -> Tensor:
    """Return the flows (S,) to the sinks of `cuts` by the solver, and put their minimum cuts in the place of `cuts`.

    `outermost` (S,): the smaller of the two outermost cuts of each; a flow that reaches it needs no other cut.
    """
    flows = torch.zeros_like(outermost)
    if len(flows):
        solver = Solver(forward)
        for position, enough in enumerate(outermost.tolist()):
            guess = [side[position].cpu().numpy() for side in cuts.near]
            flows[position], sides = solver.solve(int(cuts.sinks[position]), guess, enough)
            for side, found in zip(cuts.near, sides or guess, strict=True):
                side[position] = torch.from_numpy(found)
    return flows


def verified_gap(problem: FlowProblem, settled: Settled) -> float:
    """Return the largest (cut - flow) / cut over all sinks, as the judge finds them on the original graph.

    Flow is what a flow delivers edge by edge, less the most by which it breaks a rule; cut is the capacity of the cut
    reported, edge by edge, or the value reported if that is larger.
    """
    layers, start = [layer.cpu().numpy() for layer in problem.layers], problem.start.cpu().numpy()
    solver, flows, cuts = Solver(sweep_forward(problem)), [], []
    for sink, value in enumerate(settled.report.value.tolist()):
        side = source_side(problem, settled, sink)
        solver.solve(sink, side)
        edges, source_flow = solver.edges(sink)
        check = check_flow(layers, start, sink, edges, source_flow)
        flows.append(check.value - check.violation)
        cuts.append(max(value, cut_capacity(layers, start, sink, side)))
    return largest_gap(torch.tensor(flows, dtype=torch.float64), torch.tensor(cuts, dtype=torch.float64))


def source_side(problem: FlowProblem, settled: Settled, sink: int) -> list[Bools]:
    """Return the tokens (N_l,) of levels 1 .. L on the source's side of the cut reported for `sink`.

    Around the source there is nothing but the source itself; all but the sink lies on this side of the sink's column.
    """
    levels, report = [layer.shape[0] for layer in problem.layers], settled.report
    if bool(report.source_limited[sink]):
        near = [torch.zeros(tokens, dtype=torch.bool) for tokens in levels]
        near[-1][:] = problem.source_is_token
    elif bool(report.sink_limited[sink]):
        near = [torch.ones(tokens, dtype=torch.bool) for tokens in levels]
    else:
        position = int((settled.cuts.sinks == sink).nonzero()[0, 0])
        near = [side[position].cpu() for side in settled.cuts.near]
    return [side.numpy() for side in near]


def largest_gap(flow: Tensor, cut: Tensor) -> float:
    """Return the largest (cut - flow) / cut; where the cut is 0 so is the flow, and there is no gap."""
    return float(((cut - flow) / cut.clamp(min=TINY)).clamp(min=0).max())
