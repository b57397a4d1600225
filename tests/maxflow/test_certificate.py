"""The judge of flows and cuts: it accepts what is right and measures what is broken."""

from __future__ import annotations

import numpy as np
import pytest

from tests.maxflow.reference import Floats, attention_graph, random_graph
from vitexplain.maxflow import layered_max_flow
from vitexplain.maxflow.certificate import check_flow, cut_capacity
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import build_problem
from vitexplain.maxflow.settle import settle, source_side, verified_gap
from vitexplain.maxflow.solver import Solver

SINK = 2


@pytest.fixture
def flow() -> tuple[list[Floats], Floats, list[Floats], Floats]:
    """Return layers, source weights, and a maximum flow to SINK with its flow on the source's edges."""
    rng = np.random.default_rng(0)
    layers, start = [rng.random((5, 5)) for _ in range(3)], rng.random(5)
    solver = Solver(sweep_forward(build_problem(layers, start)))
    solver.solve(SINK)
    edges, source_flow = solver.edges(SINK)
    return layers, start, edges, source_flow


def test_a_right_flow_passes(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    check = check_flow(layers, start, SINK, edges, source_flow)
    assert check.violation <= 1e-15
    assert check.value == pytest.approx(source_flow.sum(), rel=1e-12)


def test_an_edge_beyond_its_capacity_is_found(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    edges[1][3, 1] = layers[1][3, 1] + 0.25
    assert check_flow(layers, start, SINK, edges, source_flow).overflow == pytest.approx(0.25)


def test_a_source_edge_beyond_its_weight_is_found(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    source_flow[0] = start[0] + 0.5
    assert check_flow(layers, start, SINK, edges, source_flow).overflow == pytest.approx(0.5)


def test_a_negative_edge_is_found(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    edges[2][0, 0] = -0.125
    assert check_flow(layers, start, SINK, edges, source_flow).overflow == pytest.approx(0.125)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_flow_that_appears_from_nowhere_is_found(
    flow: tuple[list[Floats], Floats, list[Floats], Floats], layer: int
) -> None:
    layers, start, edges, source_flow = flow
    edges[layer][1, SINK] = max(0.0, edges[layer][1, SINK] - 0.01)
    edges[layer][2, SINK] += 0.02
    assert check_flow(layers, start, SINK, edges, source_flow).imbalance > 0.005


def test_flow_to_another_token_than_the_sink_is_found(
    flow: tuple[list[Floats], Floats, list[Floats], Floats],
) -> None:
    layers, start, edges, source_flow = flow
    edges[0][1, SINK + 1] += 0.0625
    assert check_flow(layers, start, SINK, edges, source_flow).imbalance == pytest.approx(0.0625)


def test_a_flow_of_the_wrong_shape_is_refused(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    edges[0] = edges[0][:, :-1]
    with pytest.raises(ValueError, match=r"shape \(5, 4\) does not fit capacities of shape \(5, 5\)"):
        check_flow(layers, start, SINK, edges, source_flow)


def test_no_cut_is_smaller_than_the_flow(flow: tuple[list[Floats], Floats, list[Floats], Floats]) -> None:
    layers, start, edges, source_flow = flow
    value = check_flow(layers, start, SINK, edges, source_flow).value
    rng = np.random.default_rng(1)
    for _ in range(200):
        sides = [rng.random(5) < 0.5 for _ in range(3)]
        assert cut_capacity(layers, start, SINK, sides) >= value * (1 - 1e-12)


def test_a_cut_is_measured_edge_by_edge() -> None:
    layers = [np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([[16.0, 32.0]])]
    start = np.array([64.0])
    near, far = np.array([True, False]), np.array([True])
    assert cut_capacity(layers, start, 1, [near, far]) == 2 + 32
    assert cut_capacity(layers, start, 0, [~near, far]) == 4 + 16
    assert cut_capacity(layers, start, 0, [near, ~far]) == 1 + 64


@pytest.mark.parametrize("seed", range(30))
def test_verify_certifies_random_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_graph(rng) if seed % 2 else attention_graph(rng, 20, 5, sinks=0.9, sharp=2.0)
    result = layered_max_flow(layers, 0, verify=True)
    assert result.verified
    assert result.gap <= 1e-12
    settled = settle(build_problem(layers, 0))
    problem = build_problem(layers, 0)
    for sink in range(problem.sinks):
        side = source_side(problem, settled, sink)
        capacity = cut_capacity([layer.numpy() for layer in problem.layers], problem.start.numpy(), sink, side)
        assert capacity == pytest.approx(result.value[sink], rel=1e-12)


def test_verify_reports_a_cut_that_is_too_large() -> None:
    problem = build_problem(attention_graph(np.random.default_rng(3), 20, 5, sinks=0.9, sharp=2.0), 0)
    settled = settle(problem)
    settled.report.value[4] *= 1.125
    assert verified_gap(problem, settled) == pytest.approx(1 - 1 / 1.125, rel=1e-9)


def test_verify_reports_an_inner_cut_that_is_none_of_the_smallest() -> None:
    problem = build_problem(attention_graph(np.random.default_rng(3), 20, 5, sinks=0.97, sharp=1.0), 0)
    settled = settle(problem)
    inner = [
        position
        for position, sink in enumerate(settled.cuts.sinks.tolist())
        if not settled.report.source_limited[sink] and not settled.report.sink_limited[sink]
    ]
    assert inner, "the graph was chosen to have inner cuts"
    settled.cuts.near[1][inner[0]] ^= True
    assert verified_gap(problem, settled) > 0.01
