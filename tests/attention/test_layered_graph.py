"""Graphs whose levels differ in size: rollout against dense products, flow and paths against networkx."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.given_attention import between
from tests.literal import flow as literal_flow
from vitexplain.attention import Fusion, Layer, LayeredGraph, discard_smallest, mix_residual
from vitexplain.graph import flow_to, path_count, strongest_paths, to_networkx
from vitexplain.maxflow import layered_max_flow
from vitexplain.methods import cut_off, parse_spec, scores_by_layer
from vitexplain.tokens import TokenGrid

LEVELS = (TokenGrid(1, 4, 4), TokenGrid(1, 4, 2), TokenGrid(1, 2, 2), TokenGrid(1, 2, 2))
Floats = npt.NDArray[np.float64]


def random_graph(seed: int, residual: float = 0.5) -> tuple[LayeredGraph, list[list[Floats]]]:
    """Return a graph of 2 images over levels of 17, 9, 5 and 5 tokens, and its layers written out, by image."""
    rng = np.random.default_rng(seed)
    made: list[Layer] = []
    dense: list[list[Floats]] = [[], []]
    for below, above in itertools.pairwise(LEVELS):
        fused = rng.dirichlet(np.full(below.tokens, 0.5), (2, above.tokens))
        skip = None
        if above != below:
            # Each token above continues some of those below, in shares.
            skip = rng.dirichlet(np.full(below.tokens, 0.3), above.tokens)
            skip[:, rng.integers(0, below.tokens)] = 0
            skip /= skip.sum(1, keepdims=True)
        given = None if skip is None else torch.from_numpy(skip)
        made.append(mix_residual(torch.from_numpy(fused), residual, skip=given))
        identity = np.eye(above.tokens) if skip is None else skip
        for image in range(2):
            dense[image].append((1 - residual) * fused[image] + residual * identity)
    return LayeredGraph(tuple(made), LEVELS), dense


@pytest.mark.parametrize("residual", [0.5, 0.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_rollout_is_the_dense_product(seed: int, residual: float) -> None:
    graph, dense = random_graph(seed, residual)
    found = graph.roll_out()
    for image, layers in enumerate(dense):
        for made, expected in zip(graph.matrices, layers, strict=True):
            np.testing.assert_allclose(made[image].numpy(), expected, atol=1e-12)
        product = np.eye(LEVELS[-1].tokens)[0]
        for layer in reversed(layers):
            product = product @ layer
        np.testing.assert_allclose(found[image].numpy(), product, atol=1e-12)
    below = graph.upto(2)
    assert below.levels == LEVELS[:3]
    np.testing.assert_allclose(below.roll_out()[1].numpy(), dense[1][1][0] @ dense[1][0], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_flow_is_that_of_networkx(seed: int) -> None:
    graph, dense = random_graph(seed)
    for image, layers in enumerate(dense):
        found = layered_max_flow([matrix[image] for matrix in graph.matrices], 0)
        np.testing.assert_allclose(found.value.numpy(), literal_flow(layers, 0), rtol=1e-9)


def test_a_graph_of_one_image_is_the_same_graph() -> None:
    graph, _ = random_graph(1)
    torch.testing.assert_close(graph.of_image(1).roll_out()[0], graph.roll_out()[1])


@pytest.mark.parametrize(("above", "below"), [(4, 16), (16, 4), (3, 3)])
def test_discard_counts_the_entries_of_the_layer_and_spares_what_a_token_continues(above: int, below: int) -> None:
    rng = np.random.default_rng(0)
    fused = torch.from_numpy(rng.random((2, above, below)))
    skip = torch.zeros(above, below, dtype=torch.float64)
    skip[0, 0] = 1
    fused[:, 0, 0] = 0.0
    kept = discard_smallest(fused + 1, 0.5, skip)
    assert (kept == 0).sum((1, 2)).tolist() == [above * below // 2 - 1] * 2
    assert (kept[:, 0, 0] == 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_graph_for_people(seed: int) -> None:
    graph, dense = random_graph(seed)
    one = graph.of_image(1)
    made = to_networkx(one)
    patch = 6
    sink = f"L0T{patch}"
    value, _ = nx.maximum_flow(made, "L3T0", sink)
    assert flow_to(one, patch).value == pytest.approx(value, rel=1e-9)
    assert made.nodes["L0T16"]["patch"] == "3,3" and made.nodes["L2T4"]["patch"] == "1,1"
    patches = [f"L0T{token}" for token in range(1, 17)]
    assert path_count(one) == sum(sum(1 for _ in nx.all_simple_paths(made, "L3T0", each)) for each in patches)
    best = strongest_paths(one, 1)[0]
    weights = {
        (c, b, a): dense[1][2][0, c] * dense[1][1][c, b] * dense[1][0][b, a]
        for c in range(5)
        for b in range(9)
        for a in range(1, 17)
    }
    assert best.tokens[1:] == max(weights, key=weights.__getitem__)
    assert best.weight == pytest.approx(max(weights.values()))


def test_methods_on_a_network_whose_levels_differ() -> None:
    """Rollout and flow of a captured forward pass between levels of other sizes; the first tokens continue."""
    rng = np.random.default_rng(0)
    weights = [
        torch.from_numpy(rng.dirichlet(np.ones(below.tokens), (2, 3, above.tokens)))
        for below, above in itertools.pairwise(LEVELS)
    ]
    run = between(weights, LEVELS, [Fusion()])
    attention = [layer.mean(1)[1].numpy() for layer in weights]
    dense = [(layer + np.eye(*layer.shape)) / 2 for layer in attention]
    rolled = parse_spec("rollout")(run)
    np.testing.assert_allclose(rolled.values[1], (dense[2][0] @ dense[1] @ dense[0])[1:], rtol=1e-6)
    flowed = parse_spec("flow")(run)
    np.testing.assert_allclose(flowed.values[1], literal_flow(dense, 0)[1:], rtol=1e-9)
    by_layer = scores_by_layer(parse_spec("flow"), run)
    np.testing.assert_allclose(by_layer[2].values[1], literal_flow(dense[:2], 0)[1:], rtol=1e-9)


@pytest.mark.parametrize("spec", ["rollout", "flow", "flow:discard=0.3"])
def test_a_mean_over_levels_of_three_sizes_by_layer(spec: str) -> None:
    """The source is another one at each level: each graph is solved by itself."""
    rng = np.random.default_rng(1)
    levels = tuple(TokenGrid(0, side, side, class_token=False) for side in (4, 3, 2, 2))
    weights = [
        torch.from_numpy(rng.dirichlet(np.ones(below.tokens), (1, 2, above.tokens)))
        for below, above in itertools.pairwise(levels)
    ]
    run = between(weights, levels, [Fusion()], readout="mean")
    method = parse_spec(spec)
    found = scores_by_layer(method, run)
    for layer, cut in cut_off(method, run).items():
        np.testing.assert_allclose(found[layer].values, cut(run).values, rtol=1e-9)
    if spec == "flow":
        dense = [(layer.mean(1)[0].numpy() + np.eye(*layer.shape[2:])) / 2 for layer in weights]
        expected = literal_flow(dense[:2], np.full(4, 1 / 4))
        np.testing.assert_allclose(found[2].values[0], expected, rtol=1e-9)
