"""The public functions: maximum flows from one source to every token at the bottom, or to one, edge by edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import UsageError
from vitexplain.maxflow.by_depth import settle_by_depth
from vitexplain.maxflow.cut import Cuts, choose, layers_passed
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.network import Array, Network, build_network, build_networks_by_depth, is_token, is_torch
from vitexplain.maxflow.result import EdgeFlow, LayeredFlow
from vitexplain.maxflow.settle import Settled, settle
from vitexplain.maxflow.solver import Solver
from vitexplain.maxflow.verify import verified_gap


def layered_max_flow(capacities: Sequence[Array] | Array, source: Array, *, verify: bool = False) -> LayeredFlow:
    """Return the maximum flow from `source` to every token at the bottom of the layers.

    `capacities`: L arrays (N_l, N_{l-1}) or one (L, N, N), the first nearest the image; any non-negative numbers, an
    entry of 0 being no edge. `source`: a token of level L (unbounded), or weights (N_L,): a virtual node with edges
    of those capacities into level L. numpy arrays or torch tensors (on any device), and the same kind comes back.
    `verify` materialises a flow for every sink and checks it; `gap` is then measured.
    Raises UsageError for shapes that do not fit, negative or infinite numbers, a token that does not exist.
    """
    network = build_network(capacities, source)
    with torch.inference_mode():
        settled = settle(network)
    return _result(network, settled, is_torch(capacities), verify)


def layered_max_flow_by_layer(
    capacities: Sequence[Array] | Array, source: Array, *, verify: bool = False
) -> tuple[LayeredFlow, ...]:
    """Return L flows, the k-th through layers 1 .. k with `source` at the top of layer k.

    What is proven for a shallower graph is not proven again where it holds for a deeper one too. A source given as
    weights needs levels 1 .. L of equal size. Everything else is as in `layered_max_flow`.
    """
    networks = build_networks_by_depth(capacities, source)
    with torch.inference_mode():
        settled = settle_by_depth(networks)
    pairs = zip(networks, settled, strict=True)
    return tuple(_result(network, each, is_torch(capacities), verify) for network, each in pairs)


def layered_max_flow_batch(
    capacities: Sequence[Sequence[Array]] | Array, source: Array, *, verify: bool = False
) -> tuple[LayeredFlow, ...]:
    """Return one flow for each of B graphs: images of a batch, or single heads.

    `capacities`: B graphs as in `layered_max_flow`, or one (B, L, N, N). `source`: one for all, or B of them: token
    numbers (B,) or weights (B, N_L).
    """
    sources = [source] * len(capacities)
    if not is_token(source) and (np.ndim(source[0]) > 0 or is_token(source[0])):
        sources = list(source)
    if len(sources) != len(capacities):
        raise UsageError(f"{len(sources)} sources given for {len(capacities)} graphs: give one, or one for each")
    pairs = zip(capacities, sources, strict=True)
    return tuple(layered_max_flow(graph, each, verify=verify) for graph, each in pairs)


def edge_flow(capacities: Sequence[Array] | Array, source: Array, sink: int) -> EdgeFlow:
    """Return a maximum flow from `source` to token `sink` at the bottom on every edge, and a minimum cut.

    Arguments as in `layered_max_flow`; raises UsageError also for a sink that does not exist.
    """
    network, kind = build_network(capacities, source), is_torch(capacities)
    if not 0 <= int(sink) < network.sinks:
        raise UsageError(f"sink {sink} does not exist: the bottom level has tokens 0 to {network.sinks - 1}")
    solver = Solver(descend(network))
    value, near = solver.solve(int(sink))
    value *= network.unit
    flows, source_flow = solver.edges(int(sink))
    flows, source_flow = [flow * network.unit for flow in flows], source_flow * network.unit
    device = network.start.device
    sides = tuple(torch.from_numpy(side)[None].to(device) for side in near)
    chosen = choose(network, Cuts(torch.tensor([int(sink)], device=device), sides))
    if chosen.source_limited[sink] or chosen.sink_limited[sink]:
        # The cut around the source has nothing else on the source's side, the sink's own column everything else.
        near = [np.full_like(side, not bool(chosen.source_limited[sink])) for side in near]
        near[-1][:] |= network.source_is_token
    bottom = np.ones(network.sinks, dtype=bool)
    bottom[int(sink)] = False
    if network.source_is_token:
        width = capacities[-1].shape[0]
        flows[-1] = _at_token(flows[-1], int(source), width)
        near[-1] = _at_token(near[-1], int(source), width)

    def out(values: npt.NDArray[Any]) -> Array:
        return torch.from_numpy(values).to(device) if kind else values

    return EdgeFlow(
        value=value,
        flow=tuple(out(flow) for flow in flows),
        source_flow=None if network.source_is_token else out(source_flow),
        cut_capacity=float(chosen.value[sink]) * network.unit,
        cut_layers=layers_passed(chosen.shares)[sink],
        source_side=tuple(out(side) for side in (bottom, *near)),
    )


def _result(network: Network, settled: Settled, torch_out: bool, verify: bool) -> LayeredFlow:
    gap = verified_gap(network, settled) if verify else settled.gap

    def out(values: Tensor) -> Array:
        return values.clone() if torch_out else values.numpy()

    return LayeredFlow(
        value=out(settled.report.value * network.unit),
        source_limited=out(settled.report.source_limited),
        sink_limited=out(settled.report.sink_limited),
        cut_layers=layers_passed(settled.report.shares),
        layer_share=out(settled.report.shares * network.unit),
        gap=gap,
        verified=verify,
        left_to_solver=settled.left_to_solver,
    )


def _at_token(values: npt.NDArray[Any], token: int, width: int) -> npt.NDArray[Any]:
    """Return an array of `width` rows, zero but for row `token`, which is the only row of `values`."""
    full = np.zeros((width, *values.shape[1:]), dtype=values.dtype)
    full[token] = values[0]
    return full
