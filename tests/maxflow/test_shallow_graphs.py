"""Chain cuts, pushes in proportion and proofs shared by depth, against the solver and networkx. A few seconds."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch

from tests.maxflow.reference import attention_graph, reference_flow
from vitexplain.maxflow import layered_max_flow_by_layer
from vitexplain.maxflow.by_depth import settle_by_depth
from vitexplain.maxflow.chain_cuts import chain_cuts
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.known_pushes import KnownPushes
from vitexplain.maxflow.network import Network, build_network, build_networks_by_depth
from vitexplain.maxflow.proportional import Course, push
from vitexplain.maxflow.settle import settle
from vitexplain.maxflow.solver import Solver


@pytest.mark.parametrize("seed", range(60))
def test_chain_cuts_that_are_proven_are_minimum_cuts_nearest_the_source(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sinks, sharp = float(rng.choice([0, 0.3, 0.9])), float(rng.choice([0.1, 1, 2]))
    layers = attention_graph(rng, int(rng.integers(6, 40)), int(rng.integers(2, 6)), sinks=sinks, sharp=sharp)
    source = 0 if rng.random() < 0.5 else np.where(rng.random(len(layers[0])) < 0.8, rng.random(len(layers[0])), 0)
    check_chain_cuts(build_network(layers, source), KnownPushes())


@pytest.mark.parametrize("seed", range(20))
def test_what_pushes_showed_in_deeper_graphs_holds_in_shallower_ones(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    sinks, sharp = float(rng.choice([0, 0.3, 0.9])), float(rng.choice([0.1, 1, 2]))
    layers = attention_graph(rng, int(rng.integers(6, 30)), 5, sinks=sinks, sharp=sharp)
    if seed % 4 == 0:  # Rows that are not alike: the strongest edge leads elsewhere at every depth.
        layers = [rng.permutation(layer) for layer in layers]
    source = 0 if seed % 3 else rng.random(len(layers[0]))
    known = KnownPushes()
    for network in reversed(build_networks_by_depth(layers, source)):
        check_chain_cuts(network, known)


@pytest.mark.parametrize("seed", [3, 5, 6])
def test_long_pushes_prove_cuts_of_deep_graphs_that_hardly_mix(seed: int) -> None:
    """Gradient-weighted attention is like this: most tokens of most layers keep nearly all of what they have."""
    rng, tokens, layers = np.random.default_rng(seed), 40, []
    for _ in range(9):
        attention = np.exp(rng.standard_normal((tokens, tokens)))
        share = rng.choice([0.02, 0.05, 0.3], (tokens, 1), p=[0.5, 0.3, 0.2])
        layers.append(share * attention / attention.sum(1, keepdims=True) + (1 - share) * np.eye(tokens))
    network = build_network(layers, 0)
    check_chain_cuts(network, KnownPushes())
    found = chain_cuts(descend(network), network.outermost_capacity, KnownPushes())
    assert int(found.proven.sum()) >= 10
    assert settle(network).left_to_solver <= 40 - int(found.proven.sum())


def check_chain_cuts(network: Network, known: KnownPushes, nearest: bool = True) -> None:
    """Compare all chain cuts of `network` with the solver's cuts; their sides only if they are to be the `nearest`."""
    descent, solver = descend(network), Solver(descend(network))
    found = chain_cuts(descent, network.outermost_capacity, known)
    torch.testing.assert_close(found.cuts.shares(network).sum(1), found.value, rtol=1e-12, atol=0)
    for position, sink in enumerate(found.cuts.sinks.tolist()):
        value, near = solver.solve(sink)
        assert value <= float(found.value[position]) * (1 + 1e-11)
        if found.proven[position]:
            assert value == pytest.approx(float(found.value[position]), rel=1e-10)
            for side, other in zip(found.cuts.near if nearest else (), near, strict=nearest):
                assert side[position].tolist() == other.tolist()


def test_chain_cuts_settle_three_layers_of_diffuse_attention_nearly_alone() -> None:
    layers = attention_graph(np.random.default_rng(0), 40, 3, sinks=0.0, sharp=0.5)
    found = chain_cuts(descend(network := build_network(layers, 0)), network.outermost_capacity, KnownPushes())
    assert int(found.proven.sum()) >= 36


@pytest.mark.parametrize(("depth", "sinks", "seed"), [(3, 0.0, 4), (3, 0.3, 3), (4, 0.3, 1), (4, 0.3, 3)])
def test_chain_cuts_with_a_twig_are_found_and_proven(depth: int, sinks: float, seed: int) -> None:
    layers = attention_graph(np.random.default_rng(seed), 40, depth, sinks=sinks, sharp=2.0)
    check_chain_cuts(network := build_network(layers, 0), KnownPushes())
    found = chain_cuts(descend(network), network.outermost_capacity, KnownPushes())
    with_twig = torch.stack([(~side).sum(1) == 2 for side in found.cuts.near[:-1]]).any(0)
    assert int((with_twig & found.proven).sum()) >= 4


@pytest.mark.parametrize("seed", range(60))
def test_a_push_fits_only_where_networkx_finds_that_it_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, int(rng.integers(2, 5)))
    layers = [np.where(rng.random(shape) < 0.8, rng.random(shape), 0) for shape in pairwise(sizes)]
    inner = sizes[1:-1]
    closed, guides = ([int(rng.integers(size)) for size in inner] for _ in range(2))
    entering = [rng.random(size) * rng.choice([0.02, 0.2, 1]) for size in sizes[:-1]]
    for level, token in enumerate(closed, 1):
        entering[level][token] = 0
    room = np.where(rng.random(sizes[-1]) < 0.8, rng.random(sizes[-1]) * rng.choice([0.3, 1, 3]), 0)
    graph, total = nx.DiGraph(), float(sum(amount.sum() for amount in entering))
    graph.add_nodes_from(("in", "out"))
    for level, layer in enumerate(layers):
        for token, amount in enumerate(entering[level].tolist()):
            graph.add_edge("in", (level, token), capacity=amount)
        for above, below in np.argwhere(layer > 0).tolist():
            if level == len(layers) - 1 or below != closed[level]:
                graph.add_edge((level, above), (level + 1, below), capacity=float(layer[above, below]))
    for token, amount in enumerate(room.tolist()):
        graph.add_edge((len(layers), token), "out", capacity=amount)
    pushed = push(
        Course(
            [torch.from_numpy(amount)[None] for amount in entering],
            [torch.from_numpy(layer) for layer in layers],
            [torch.tensor([[token]]) for token in closed],
            [torch.tensor([[token]]) for token in guides],
            torch.from_numpy(room)[None],
        )
    )
    if pushed.fits[0]:
        assert nx.maximum_flow_value(graph, "in", "out") == pytest.approx(total, rel=1e-10)
        assert float(pushed.held[-1].sum()) == pytest.approx(total, rel=1e-10)
        assert (pushed.held[-1][0].numpy() <= room * (1 + 1e-11)).all()


@pytest.mark.parametrize("seed", range(9))
def test_proofs_shared_by_depth_give_what_every_depth_gives_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens, sinks = ((30, 0.0), (30, 0.3), (12, 0.9))[seed % 3]
    layers = attention_graph(rng, tokens, 9, sinks=sinks, sharp=float(rng.choice([0.1, 1])))
    for source in (0, np.full(tokens, 1 / tokens)):
        networks = [build_network(layers[:depth], source) for depth in range(1, 10)]
        settled = settle_by_depth(networks)
        if seed % 3 < 2:  # The deepest graphs find their proofs made, and sweep little or nothing.
            assert int((settled[-1].from_level > 0).sum()) < 15
        for network, shared in zip(networks, settled, strict=True):
            alone = settle(network)
            torch.testing.assert_close(shared.report.value, alone.report.value, rtol=1e-12, atol=0)
            torch.testing.assert_close(shared.report.shares, alone.report.shares, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("seed", range(8))
def test_values_by_layer_equal_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = attention_graph(rng, 8, 8, sinks=float(rng.choice([0, 0.5])), sharp=1.0)
    for depth, flow in enumerate(layered_max_flow_by_layer(layers, 2), 1):
        expected = [reference_flow(layers[:depth], 2, sink) for sink in range(8)]
        np.testing.assert_allclose(flow.value, expected, rtol=1e-10)
        assert flow.gap <= 1e-9


def test_graphs_served_whole_by_shallower_ones_stand_before_the_judge() -> None:
    layers = attention_graph(np.random.default_rng(0), 30, 9, sinks=0.0, sharp=1.0)
    assert len(settle_by_depth(build_networks_by_depth(layers, 0))[-1].cuts.sinks) == 0
    assert all(flow.verified and flow.gap <= 1e-11 for flow in layered_max_flow_by_layer(layers, 0, verify=True))
