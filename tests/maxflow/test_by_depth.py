"""Flow by layer on deep, sharp graphs: every depth equals a flow of its own (three seconds)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.maxflow.reference import attention_graph
from vitexplain.maxflow import layered_max_flow, layered_max_flow_by_layer
from vitexplain.maxflow.cut import cuts_below
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import build_problem, build_problems_by_depth
from vitexplain.maxflow.settle import settle, settle_by_depth
from vitexplain.maxflow.solver import Solver


def sharp(seed: int) -> Tensor:
    """Layers of sharp attention, half of them with most entries dropped and a skip connection."""
    drawn = torch.Generator().manual_seed(seed)
    tokens, layers = (int(torch.randint(low, high, (1,), generator=drawn)) for low, high in ((4, 14), (6, 11)))
    attention = (torch.randn(layers, tokens, tokens, generator=drawn, dtype=torch.float64) * (1 + seed % 6)).softmax(-1)
    if seed % 2:
        smallest = attention.flatten(1).quantile(0.9, dim=1)[:, None, None]
        attention = attention.where(attention >= smallest, 0)
        attention = attention / attention.sum(-1, keepdim=True).clamp(min=1e-300)
        attention = (attention + torch.eye(tokens, dtype=torch.float64)) / 2
    return attention


@pytest.mark.parametrize("seed", range(24))
def test_every_depth_equals_a_single_flow(seed: int) -> None:
    layers = sharp(seed)
    source = 0 if seed % 3 else torch.full((layers.shape[1],), 1 / layers.shape[1], dtype=torch.float64)
    for depth, found in enumerate(layered_max_flow_by_layer(layers, source), 1):
        alone = layered_max_flow(layers[:depth], source)
        torch.testing.assert_close(found.value, alone.value, rtol=1e-9, atol=1e-12)
        assert found.cut_layers == alone.cut_layers
        assert torch.equal(found.source_limited, alone.source_limited)
        assert torch.equal(found.sink_limited, alone.sink_limited)


@pytest.mark.parametrize("token", [0, 3])
def test_cuts_of_a_deeper_graph_that_hold_below_are_the_solvers(token: int) -> None:
    found = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        depth, sharp = ((3, 0.1), (3, 1.0), (4, 2.0))[seed % 3]
        layers = attention_graph(rng, 30, depth, sinks=float(rng.choice([0, 0.2])), sharp=sharp)
        deeper, problem = build_problem(layers, token), build_problem(layers[:-1], token if seed % 4 else 1)
        settled, solver = settle(deeper), Solver(sweep_forward(problem))
        cuts = cuts_below(deeper, settled.cuts, settled.report, problem)
        for position, capacity in enumerate(cuts.shares(problem).sum(1).tolist()):
            value, near = solver.solve(int(cuts.sinks[position]))
            assert capacity == pytest.approx(value, rel=1e-12)
            for side, expected in zip(cuts.near, near, strict=True):
                np.testing.assert_array_equal(side[position], expected)
            found += 1
    assert found > 60


@pytest.mark.parametrize("seed", range(9))
def test_cuts_shared_by_depth_give_what_every_depth_gives_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens, sinks = ((30, 0.0), (30, 0.3), (12, 0.9))[seed % 3]
    layers = attention_graph(rng, tokens, 9, sinks=sinks, sharp=float(rng.choice([0.1, 1])))
    for source in (0, np.full(tokens, 1 / tokens)):
        problems = build_problems_by_depth(layers, source)
        left_alone, settled = 0, settle_by_depth(problems)
        for problem, shared in zip(problems, settled, strict=True):
            alone = settle(problem)
            left_alone += alone.left_to_solver
            torch.testing.assert_close(shared.report.value, alone.report.value, rtol=1e-12, atol=0)
            torch.testing.assert_close(shared.report.shares, alone.report.shares, rtol=1e-9, atol=1e-15)
        assert sum(shared.left_to_solver for shared in settled) <= left_alone
