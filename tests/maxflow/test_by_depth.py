"""Flow by layer on deep, sharp graphs: every depth equals a flow of its own (three seconds)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.maxflow.reference import attention_graph
from vitexplain.maxflow import layered_max_flow, layered_max_flow_by_layer
from vitexplain.maxflow.by_depth import arrives_as, cuts_below
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.network import build_network
from vitexplain.maxflow.settle import settle
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


def can_arrive(start: Tensor, layers: list[Tensor], mass: Tensor) -> bool:
    """Whether all of `start` can flow down the `layers`, the last given first, and arrive as `mass`, by networkx."""
    graph = nx.DiGraph()
    for token, amount in enumerate(start.tolist()):
        graph.add_edge("in", (len(layers), token), capacity=amount)
    for level, layer in enumerate(layers, 1):
        for above, below in (layer > 0).nonzero().tolist():
            graph.add_edge((level, above), (level - 1, below), capacity=float(layer[above, below]))
    for token, amount in enumerate(mass.tolist()):
        graph.add_edge((0, token), "out", capacity=amount)
    return bool(nx.maximum_flow_value(graph, "in", "out") >= float(mass.sum()) * (1 - 1e-9))


def test_mass_said_to_arrive_can_arrive() -> None:
    said = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        layers = attention_graph(rng, 6, 3, sinks=float(rng.choice([0, 0.5])), sharp=float(rng.choice([0.1, 1, 5])))
        graph = [torch.from_numpy(layer) for layer in layers]
        starts = torch.from_numpy(rng.dirichlet(np.ones(6), 2))
        rolled, other = starts[0] @ graph[2] @ graph[1] @ graph[0], torch.from_numpy(rng.dirichlet(np.full(6, 0.2)))
        mass = torch.lerp(rolled, other, float(rng.choice([0.02, 0.2, 1])))
        fits = arrives_as(starts, graph, mass)
        said += [(fit, can_arrive(start, graph, mass)) for fit, start in zip(fits, starts, strict=True)]
    assert (True, False) not in said
    assert said.count((True, True)) > 60 and said.count((False, False)) > 10


@pytest.mark.parametrize(
    ("mass", "fits"),
    [
        ([0.3, 0.3, 0.4], True),  # in proportion
        ([0.33, 0.3, 0.37], True),  # with the first token's edges a little other than in proportion
        ([0.3, 0.3, 0.5], False),  # more than starts
        ([0.2, 0.3, 0.4], False),  # less
        ([0.45, 0.3, 0.25], False),  # more than the edges to the first can carry
        ([0.0, 0.5, 0.5], False),  # more than the edges to the others can
    ],
)
def test_mass_arrives_only_if_the_edges_can_bring_it(mass: list[float], fits: bool) -> None:
    layer = torch.tensor([[0.25, 0.2, 0.25], [0.1, 0.1, 0.2], [0.0, 0.1, 0.0]], dtype=torch.float64)
    start = torch.tensor([[0.6, 0.35, 0.05]], dtype=torch.float64)
    arrived = torch.tensor(mass, dtype=torch.float64)
    assert can_arrive(start[0], [layer], arrived) == (fits or sum(mass) < 1)
    assert arrives_as(start, [layer], arrived) == [fits]


def test_what_one_token_cannot_but_bring_cannot_be_taken_back() -> None:
    layer = torch.tensor([[0.5, 0.5, 0.5], [0.0, 0.1, 0.0]], dtype=torch.float64)
    start, mass = (torch.tensor(amounts, dtype=torch.float64) for amounts in ([0.5, 0.05], [0.3, 0.0, 0.25]))
    assert not can_arrive(start, [layer], mass)
    assert arrives_as(start[None], [layer], mass) == [False]


@pytest.mark.parametrize("token", [0, 3])
def test_cuts_of_a_deeper_graph_that_hold_below_are_the_solvers(token: int) -> None:
    found = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        depth, sharp = ((3, 0.1), (3, 1.0), (4, 2.0))[seed % 3]
        layers = attention_graph(rng, 30, depth, sinks=float(rng.choice([0, 0.2])), sharp=sharp)
        deeper, network = build_network(layers, token), build_network(layers[:-1], token if seed % 4 else 1)
        cuts, solver = cuts_below(deeper, settle(deeper), network), Solver(descend(network))
        for position, capacity in enumerate(cuts.shares(network).sum(1).tolist()):
            value, near = solver.solve(int(cuts.sinks[position]))
            assert capacity == pytest.approx(value, rel=1e-12)
            for side, expected in zip(cuts.near, near, strict=True):
                np.testing.assert_array_equal(side[position], expected)
            found += 1
    assert found > 60
