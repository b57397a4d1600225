"""The public functions: maximum flows from one source to every token at the bottom, or to one, edge by edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import UsageError
from vitexplain.maxflow.cut import Cuts, choose, layers_passed
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import Array, FlowProblem, build_problem, build_problems_by_depth, is_torch
from vitexplain.maxflow.settle import Settled, settle, settle_by_depth, verified_gap
from vitexplain.maxflow.solver import Solver


@dataclass(frozen=True, eq=False)
class LayeredFlow:
    """The maximum flow from one source to each of the N_0 tokens at the bottom, each token by itself.

    `value` (N_0,): float64 capacity of the minimum cut reported for each sink, measured on the original graph, in the
    unit of the capacities. Reported is the cut around the source if it is minimal, else the sink's own column of
    layer 1 if that is, else the minimum cut nearest the source.
    `source_limited`, `sink_limited` (N_0,) bool: whether the cut around the source, and the sink's column, are
    minimal; both, one or neither may be.
    `cut_layers`: for each sink the layers, counted from 1 = nearest the image, that its reported cut passes with more
    than nothing. L + 1 stands for the edges of a virtual source (a source given as weights). Empty where the sink
    cannot be reached.
    `layer_share` (N_0, L + 1): what the reported cut takes out of layers 1 .. L and L + 1; its sum is `value`.
    `gap`: the largest (cut - flow) / cut over all sinks: how far from optimal the values could be at most. Where
    `verified`, the flow is one that was materialised edge by edge and checked; otherwise it is the accuracy to which
    the flow was constructed.
    `left_to_solver`: the number of sinks that only the solver on the whole graph could settle.
    """

    value: Array
    source_limited: Array
    sink_limited: Array
    cut_layers: tuple[tuple[int, ...], ...]
    layer_share: Array
    gap: float
    verified: bool
    left_to_solver: int


@dataclass(frozen=True, eq=False)
class EdgeFlow:
    """One maximum flow for one sink, edge by edge, and a minimum cut that proves it maximal.

    `value`: what arrives at the sink. `flow`: L arrays (N_l, N_{l-1}) shaped like the capacities given, the first
    nearest the image. `source_flow` (N_L,): flow on the virtual source's edges; None for a source that is a token.
    `cut_capacity`: float64 capacity of the cut on the original graph, `cut_layers` the layers it passes (as in
    LayeredFlow, whose rule says which of the minimum cuts it is), `source_side`: for levels 0 .. L (N_l,) bool, the
    tokens on the source's side; the cut consists of the edges that leave it.
    """

    value: float
    flow: tuple[Array, ...]
    source_flow: Array | None
    cut_capacity: float
    cut_layers: tuple[int, ...]
    source_side: tuple[Array, ...]


def layered_max_flow(capacities: Sequence[Array] | Array, source: Array, *, verify: bool = False) -> LayeredFlow:
    """Return the maximum flow from `source` to every token at the bottom of the layers.

    `capacities`: L arrays (N_l, N_{l-1}) or one (L, N, N), the first nearest the image; any non-negative numbers, an
    entry of 0 being no edge. `source`: a token of level L (unbounded), or weights (N_L,): a virtual node with edges
    of those capacities into level L. numpy arrays or torch tensors (on any device), and the same kind comes back.
    `verify` materialises a flow for every sink and checks it; `gap` is then measured.
    Raises UsageError for shapes that do not fit, negative or infinite numbers, a token that does not exist.
    """
    problem = build_problem(capacities, source)
    with torch.inference_mode():
        settled = settle(problem)
    return _result(problem, settled, is_torch(capacities), verify)


def layered_max_flow_by_layer(
    capacities: Sequence[Array] | Array, source: Array, *, verify: bool = False
) -> tuple[LayeredFlow, ...]:
    """Return L flows, the k-th through layers 1 .. k with `source` at the top of layer k.

    Each is a problem of its own: a source one level higher supplies other tokens. A source given as weights needs
    levels 1 .. L of equal size. Everything else is as in `layered_max_flow`.
    """
    problems = build_problems_by_depth(capacities, source)
    with torch.inference_mode():
        settled = settle_by_depth(problems)
    pairs = zip(problems, settled, strict=True)
    return tuple(_result(problem, each, is_torch(capacities), verify) for problem, each in pairs)


def edge_flow(capacities: Sequence[Array] | Array, source: Array, sink: int) -> EdgeFlow:
    """Return a maximum flow from `source` to token `sink` at the bottom on every edge, and a minimum cut.

    Arguments as in `layered_max_flow`; raises UsageError also for a sink that does not exist.
    """
    problem, kind = build_problem(capacities, source), is_torch(capacities)
    if not 0 <= int(sink) < problem.sinks:
        raise UsageError(f"sink {sink} does not exist: the bottom level has tokens 0 to {problem.sinks - 1}")
    solver = Solver(sweep_forward(problem))
    value, near = solver.solve(int(sink))
    value *= problem.unit
    flows, source_flow = solver.edges(int(sink))
    flows, source_flow = [flow * problem.unit for flow in flows], source_flow * problem.unit
    device = problem.start.device
    sides = tuple(torch.from_numpy(side)[None].to(device) for side in near)
    chosen = choose(problem, Cuts(torch.tensor([int(sink)], device=device), sides))
    if chosen.source_limited[sink] or chosen.sink_limited[sink]:
        # The cut around the source has nothing else on the source's side, the sink's own column everything else.
        near = [np.full_like(side, not bool(chosen.source_limited[sink])) for side in near]
        near[-1][:] |= problem.source_is_token
    bottom = np.ones(problem.sinks, dtype=bool)
    bottom[int(sink)] = False
    if problem.source_is_token:
        width = capacities[-1].shape[0]
        flows[-1] = _at_token(flows[-1], int(source), width)
        near[-1] = _at_token(near[-1], int(source), width)

    def out(values: npt.NDArray[Any]) -> Array:
        return torch.from_numpy(values).to(device) if kind else values

    return EdgeFlow(
        value=value,
        flow=tuple(out(flow) for flow in flows),
        source_flow=None if problem.source_is_token else out(source_flow),
        cut_capacity=float(chosen.value[sink]) * problem.unit,
        cut_layers=layers_passed(chosen.shares)[sink],
        source_side=tuple(out(side) for side in (bottom, *near)),
    )


def _result(problem: FlowProblem, settled: Settled, torch_out: bool, verify: bool) -> LayeredFlow:
    gap = verified_gap(problem, settled) if verify else settled.gap

    def out(values: Tensor) -> Array:
        return values.clone() if torch_out else values.numpy()

    return LayeredFlow(
        value=out(settled.report.value * problem.unit),
        source_limited=out(settled.report.source_limited),
        sink_limited=out(settled.report.sink_limited),
        cut_layers=layers_passed(settled.report.shares),
        layer_share=out(settled.report.shares * problem.unit),
        gap=gap,
        verified=verify,
        left_to_solver=settled.left_to_solver,
    )


def _at_token(values: npt.NDArray[Any], token: int, width: int) -> npt.NDArray[Any]:
    """Return an array of `width` rows, zero but for row `token`, which is the only row of `values`."""
    full = np.zeros((width, *values.shape[1:]), dtype=values.dtype)
    full[token] = values[0]
    return full
