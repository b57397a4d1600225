"""Graphs of few layers, whose minimum cuts mostly lie inside, at every depth: against the solver and networkx."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats, attention_graph, reference_flow
from vitexplain.maxflow import layered_max_flow_by_layer
from vitexplain.maxflow.cut import Cuts
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import build_problem
from vitexplain.maxflow.settle import settle
from vitexplain.maxflow.solver import Solver


def check_every_depth(layers: list[Floats], source: int | Floats, cuts: bool = True) -> None:
    """Compare flows by layer, and their `cuts`, with those of the solver, which does not share anything by depth."""
    for depth, found in enumerate(layered_max_flow_by_layer(layers, source), 1):
        problem = build_problem(layers[:depth], source)
        solver = Solver(sweep_forward(problem))
        assert found.gap <= 1e-9
        for sink in range(problem.sinks):
            value, near = solver.solve(sink)
            assert float(found.value[sink]) == pytest.approx(value * problem.unit, rel=1e-10, abs=1e-15)
            if cuts and value > 0 and not (found.source_limited[sink] or found.sink_limited[sink]):
                cut = Cuts(torch.tensor([sink]), tuple(torch.from_numpy(side)[None] for side in near))
                np.testing.assert_allclose(found.layer_share[sink], cut.shares(problem)[0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("seed", range(60))
def test_shallow_attention(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sinks, sharp = float(rng.choice([0, 0.3, 0.9])), float(rng.choice([0.1, 1, 2]))
    layers = attention_graph(rng, int(rng.integers(6, 40)), int(rng.integers(2, 6)), sinks=sinks, sharp=sharp)
    source = 0 if rng.random() < 0.5 else np.where(rng.random(len(layers[0])) < 0.8, rng.random(len(layers[0])), 0)
    if seed % 4 == 0:  # Rows that are not alike: the strongest edge leads elsewhere at every depth.
        layers = [rng.permutation(layer) for layer in layers]
    check_every_depth(layers, source)


@pytest.mark.parametrize("seed", [3, 5, 6])
def test_deep_graphs_that_hardly_mix(seed: int) -> None:
    """Gradient-weighted attention is like this: most tokens of most layers keep nearly all of what they have."""
    rng, tokens, layers = np.random.default_rng(seed), 40, []
    for _ in range(9):
        attention = np.exp(rng.standard_normal((tokens, tokens)))
        share = rng.choice([0.02, 0.05, 0.3], (tokens, 1), p=[0.5, 0.3, 0.2])
        layers.append(share * attention / attention.sum(1, keepdims=True) + (1 - share) * np.eye(tokens))
    check_every_depth(layers, 0)
    report = settle(build_problem(layers, 0)).report
    assert int((~(report.source_limited | report.sink_limited)).sum()) >= 10


@pytest.mark.parametrize("seed", range(8))
def test_values_by_layer_equal_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = attention_graph(rng, 8, 8, sinks=float(rng.choice([0, 0.5])), sharp=1.0)
    for depth, flow in enumerate(layered_max_flow_by_layer(layers, 2), 1):
        expected = [reference_flow(layers[:depth], 2, sink) for sink in range(8)]
        np.testing.assert_allclose(flow.value, expected, rtol=1e-10)
        assert flow.gap <= 1e-9


@pytest.mark.parametrize("sinks", [0.0, 0.3])
def test_every_depth_stands_before_the_judge(sinks: float) -> None:
    layers = attention_graph(np.random.default_rng(0), 30, 9, sinks=sinks, sharp=1.0)
    assert all(flow.verified and flow.gap <= 1e-11 for flow in layered_max_flow_by_layer(layers, 0, verify=True))
