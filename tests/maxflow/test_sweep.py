"""The backward sweep's proofs against the solver, which knows nothing of them, on graphs large enough to matter."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats, attention_graph
from vitexplain.maxflow.backward import sweep_backward
from vitexplain.maxflow.cut import Cuts
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import FlowProblem, build_problem
from vitexplain.maxflow.pull import LayerPull
from vitexplain.maxflow.settle import settle
from vitexplain.maxflow.solver import Solver


def some_graph(seed: int) -> list[Floats]:
    """Return one of many kinds of attention graphs, of 8 to 48 tokens and 2 to 9 layers, some with zeros."""
    rng = np.random.default_rng(seed)
    sinks, sharp = float(rng.choice([0, 0.3, 0.9, 0.97])), float(rng.choice([0.1, 1, 2, 4]))
    layers = attention_graph(rng, int(rng.integers(8, 49)), int(rng.integers(2, 10)), sinks=sinks, sharp=sharp)
    if rng.random() < 0.3:
        layers = [np.where(layer >= np.quantile(layer, 0.8), layer, 0) for layer in layers]
    return layers


def solved(problem: FlowProblem) -> torch.Tensor:
    """Return the flow of every sink by the solver alone."""
    solver = Solver(sweep_forward(problem))
    flows = [solver.solve(sink)[0] for sink in range(problem.sinks)]
    return torch.tensor(flows, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(120))
def test_what_the_sweep_proves_is_true(seed: int) -> None:
    problem = build_problem(some_graph(seed), 0)
    forward, flows = sweep_forward(problem), solved(problem)
    found = sweep_backward(forward)
    assert (flows <= found.bound * (1 + 1e-11)).all()
    torch.testing.assert_close(flows[found.proven], found.bound[found.proven], rtol=1e-10, atol=0)
    torch.testing.assert_close(settle(problem).report.value, flows, rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_asked_of_a_level_can_serve_the_demand_below(seed: int) -> None:
    rng = np.random.default_rng(800 + seed)
    tokens = int(rng.integers(3, 12))
    layers = attention_graph(rng, tokens, 4, sinks=float(rng.choice([0, 0.5, 0.95])), sharp=float(rng.choice([0.1, 2])))
    forward = sweep_forward(build_problem(layers, 0))
    level = int(rng.integers(2, 4))  # at level 3 most of the mass is the source's own, its main supplier
    demand = torch.from_numpy(rng.random((5, tokens)) * rng.choice([0.1, 1, 3], (5, 1))) * forward.mass[level - 2]
    asked, served = LayerPull(forward, level)(demand)
    assert bool(served.any())
    for sink in served.nonzero()[:, 0].tolist():
        graph = nx.DiGraph()
        for token in range(tokens):
            graph.add_edge("above", (1, token), capacity=float(asked[sink, token]))
            graph.add_edge((0, token), "below", capacity=float(demand[sink, token]))
            graph.add_edges_from(
                ((1, token), (0, other), {"capacity": float(layers[level - 1][token, other])})
                for other in range(tokens)
            )
        total = float(demand[sink].sum())
        assert float(asked[sink].sum()) == pytest.approx(total, rel=1e-10)
        assert nx.maximum_flow_value(graph, "above", "below") == pytest.approx(total, rel=1e-10)


def test_the_sweep_settles_diffuse_attention_alone() -> None:
    layers = attention_graph(np.random.default_rng(0), 40, 8, sinks=0.0, sharp=0.5)
    assert settle(build_problem(layers, 0)).left_to_solver == 0


def test_some_of_the_next_graphs_have_inner_cuts() -> None:
    reports = [settle(build_problem(some_graph(500 + seed), 0)).report for seed in range(40)]
    assert sum(bool((~(report.source_limited | report.sink_limited)).any()) for report in reports) > 10


@pytest.mark.parametrize("seed", range(40))
def test_inner_cuts_take_from_each_layer_what_the_solver_s_do(seed: int) -> None:
    problem = build_problem(some_graph(500 + seed), 0)
    settled, solver = settle(problem), Solver(sweep_forward(problem))
    inner = ~(settled.report.source_limited | settled.report.sink_limited)
    for sink in inner.nonzero()[:, 0].tolist():
        near = tuple(torch.from_numpy(side)[None] for side in solver.solve(sink)[1])
        expected = Cuts(torch.tensor([sink]), near).shares(problem)[0]
        torch.testing.assert_close(settled.report.shares[sink], expected, rtol=1e-9, atol=1e-15)
