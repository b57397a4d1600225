"""layered_max_flow against networkx on small random graphs, and what its result says about the cuts."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats, attention_graph, digraph, random_graph, reference_flow
from vitexplain.errors import UsageError
from vitexplain.maxflow import edge_flow, layered_max_flow, layered_max_flow_by_layer


def random_source(rng: np.random.Generator, layers: list[Floats]) -> int | Floats:
    """Return a token, or weights, of the top level."""
    size = layers[-1].shape[0]
    weights = np.where(rng.random(size) < 0.7, rng.random(size), 0)
    return int(rng.integers(size)) if rng.random() < 0.5 else weights


@pytest.mark.parametrize("seed", range(60))
def test_values_equal_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_graph(rng)
    source = random_source(rng, layers)
    result = layered_max_flow(layers, source, verify=True)
    expected = [reference_flow(layers, source, sink) for sink in range(layers[0].shape[1])]
    np.testing.assert_allclose(result.value, expected, rtol=1e-9, atol=1e-14)
    assert result.gap <= 1e-9
    np.testing.assert_allclose(result.layer_share.sum(1), result.value, rtol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_reported_cut_is_the_minimum_cut_nearest_the_source(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    layers = [np.round(4 * layer) for layer in random_graph(rng)]
    source = random_source(rng, layers)
    source = source if isinstance(source, int) else np.round(4 * source)
    result = layered_max_flow(layers, source)
    graph, top = digraph(layers, source), len(layers)
    whole = layers[-1][source].sum() if isinstance(source, int) else source.sum()
    for sink in range(layers[0].shape[1]):
        value, column = result.value[sink], layers[0][:, sink].sum()
        if top == 1 and isinstance(source, int):
            column = layers[0][source, sink]
        assert result.source_limited[sink] == (value == whole)
        assert result.sink_limited[sink] == (value == column)
        expected: tuple[int, ...] = _layers_passed(graph, sink, top)
        if value == whole:
            expected = (top if isinstance(source, int) else top + 1,)
        elif value == column:
            expected = (1,)
        if value == 0:
            expected = ()
        assert result.cut_layers[sink] == expected


@pytest.mark.parametrize("seed", range(20))
def test_by_layer_equals_single_flows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_graph(rng, square=True)
    size = layers[0].shape[0]
    for source in (int(rng.integers(size)), rng.random(size)):
        singles = [layered_max_flow(layers[:k], source) for k in range(1, len(layers) + 1)]
        for one, other in zip(singles, layered_max_flow_by_layer(layers, source), strict=True):
            np.testing.assert_allclose(one.value, other.value, rtol=1e-11)
            assert one.cut_layers == other.cut_layers


def test_by_layer_refuses_what_single_flows_refuse() -> None:
    with pytest.raises(UsageError, match="no layers"):
        layered_max_flow_by_layer([], 0)
    with pytest.raises(UsageError, match="source token 3 does not exist: the top level has tokens 0 to 1"):
        layered_max_flow_by_layer([np.ones((4, 3)), np.ones((2, 4))], 3)
    with pytest.raises(UsageError, match=r"shape \(4,\): expected \(2,\)"):
        layered_max_flow_by_layer([np.ones((4, 3)), np.ones((2, 4))], np.ones(4))


def test_by_layer_of_one_layer_one_token_and_unequal_levels() -> None:
    assert layered_max_flow_by_layer(np.ones((1, 1, 1)), 0)[0].value == 1
    assert [flow.value.tolist() for flow in layered_max_flow_by_layer(np.zeros((6, 2, 2)), 1)] == [[0, 0]] * 6
    layers = [
        np.random.default_rng(0).random(shape) for shape in ((3, 5), (4, 3), (2, 4), (6, 2), (2, 6), (3, 2), (2, 3))
    ]
    for depth, flow in enumerate(layered_max_flow_by_layer(layers, 1), 1):
        expected = [reference_flow(layers[:depth], 1, sink) for sink in range(5)]
        np.testing.assert_allclose(flow.value, expected, rtol=1e-11)


def test_torch_in_torch_out() -> None:
    capacities = np.random.default_rng(0).random((3, 5, 5))
    result = layered_max_flow(torch.from_numpy(capacities).float().requires_grad_(), 0)
    assert isinstance(result.value, torch.Tensor) and result.value.dtype == torch.float64
    np.testing.assert_allclose(
        result.value.numpy(), layered_max_flow(capacities.astype(np.float32), 0).value, rtol=1e-12
    )
    for flow in (result, *layered_max_flow_by_layer(torch.from_numpy(capacities), 0)):
        flow.value.mul_(2)  # an ordinary tensor, which its owner may change


@pytest.mark.parametrize(
    ("capacities", "source", "message"),
    [
        ([], 0, "no layers"),
        ([np.ones(3)], 0, r"layer 1 has shape \(3,\)"),
        ([np.ones((3, 2)), np.ones((3, 4))], 0, "layer 2 ends in 4 tokens but layer 1 starts from 3"),
        ([-np.ones((2, 2))], 0, "layer 1 are not all finite and at least 0"),
        ([np.full((2, 2), np.nan)], 0, "layer 1 are not all finite and at least 0"),
        ([np.full((2, 2), np.inf)], 0, "layer 1 are not all finite and at least 0"),
        ([np.array([["a"]])], 0, "layer 1 are not an array of numbers"),
        (np.ones((1, 2, 2)), 2, "source token 2 does not exist"),
        (np.ones((1, 2, 2)), -1, "source token -1 does not exist"),
        (np.ones((1, 2, 2)), np.ones(3), r"shape \(3,\): expected \(2,\)"),
    ],
)
def test_wrong_arguments_are_usage_errors(capacities: object, source: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        layered_max_flow(capacities, source)


def _layers_passed(graph: nx.DiGraph, sink: int, top: int) -> tuple[int, ...]:
    reached = _reached(graph, (0, sink))
    edges = [(tail, head) for tail, head in graph.edges if tail in reached and head not in reached]
    heads = [(tail, head) for tail, head in edges if head[0] > 0 or head == (0, sink)]
    return tuple(sorted({top + 1 if tail == "source" else tail[0] for tail, _ in heads}))


def _reached(graph: nx.DiGraph, sink: tuple[int, int]) -> set[object]:
    _, flow = nx.maximum_flow(graph, "source", sink)
    reached: set[object] = {"source"}
    stack: list[object] = ["source"]
    while stack:
        node = stack.pop()
        onward = [n for n, edge in graph[node].items() if flow[node][n] < edge.get("capacity", np.inf)]
        back = [n for n in graph.predecessors(node) if flow[n][node] > 0]
        fresh = [n for n in onward + back if n not in reached]
        reached.update(fresh)
        stack.extend(fresh)
    return reached


@pytest.mark.parametrize("exponent", [-1000, -400, -200, -100, 100, 200, 400, 1000])
def test_extreme_capacities_scale_like_others(exponent: int) -> None:
    layers = np.stack(attention_graph(np.random.default_rng(4), 12, 5, sinks=0.3, sharp=1.5))
    scale = 2.0**exponent
    for source, scaled in ((3, 3), (np.full(12, 0.1), np.full(12, 0.1) * scale)):
        plain, extreme = layered_max_flow_by_layer(layers, source), layered_max_flow_by_layer(layers * scale, scaled)
        for flow, expected in zip(extreme, plain, strict=True):
            np.testing.assert_allclose(flow.value / scale, expected.value, rtol=1e-9)
            assert flow.gap <= 1e-9
            assert flow.cut_layers == expected.cut_layers
            assert flow.source_limited.tolist() == expected.source_limited.tolist()
            assert flow.sink_limited.tolist() == expected.sink_limited.tolist()
            np.testing.assert_allclose(flow.layer_share / scale, expected.layer_share, rtol=1e-9, atol=1e-12)
    edges, expected_edges = edge_flow(layers * scale, 3, 5), edge_flow(layers, 3, 5)
    assert edges.value / scale == pytest.approx(expected_edges.value, rel=1e-9)
    assert edges.cut_capacity / scale == pytest.approx(expected_edges.cut_capacity, rel=1e-9)
    assert float(sum(flow.sum() for flow in edges.flow)) / scale == pytest.approx(
        float(sum(flow.sum() for flow in expected_edges.flow)), rel=1e-9
    )


def test_the_largest_numbers_are_no_too_large_numbers() -> None:
    assert layered_max_flow([np.array([[1e308, 2e307]])], 0).value.tolist() == [1e308, 2e307]


@pytest.mark.parametrize("exponent", [-281, -295, -305])
def test_totals_below_1e_minus_280_beside_ordinary_capacities(exponent: int) -> None:
    layers, scale = attention_graph(np.random.default_rng(5), 10, 4, sinks=0.3, sharp=1.0), 10.0**exponent
    top = layers[-1]
    *shallower, deepest = layered_max_flow_by_layer([*layers[:-1], top * scale], 1)
    for depth, flow in enumerate(shallower, 1):
        expected = [reference_flow(layers[:depth], 1, sink) for sink in range(10)]
        np.testing.assert_allclose(flow.value, expected, rtol=1e-9)
    wide = [layer / scale for layer in layers[:-1]]
    expected = [reference_flow([*wide, top], 1, sink) for sink in range(10)]
    np.testing.assert_allclose(deepest.value / scale, expected, rtol=1e-9)
    assert deepest.gap <= 1e-9
