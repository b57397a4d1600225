"""Exactness against networkx, graph by graph, drawn by hypothesis: 2,300 graphs in all, degenerate ones included."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.maxflow.reference import ROWS, Floats, random_layer, reference_flow
from vitexplain.maxflow import layered_max_flow


def thorough(examples: int) -> settings:
    """Return settings for this many examples, the same in every run."""
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def graphs(draw: st.DrawFn, kinds: tuple[str, ...] = ROWS) -> tuple[list[Floats], int | Floats]:
    """Draw 1 to 5 layers between levels of 1 to 7 tokens, and a source: a token or weights."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    drawn = [draw(st.sampled_from(kinds)) for _ in sizes[1:]]
    layers = [random_layer(rng, sizes[number + 1], sizes[number], kind) for number, kind in enumerate(drawn)]
    if draw(st.booleans()):
        return layers, draw(st.integers(0, sizes[-1] - 1))
    weights = np.where(rng.random(sizes[-1]) < 0.8, rng.random(sizes[-1]), 0)
    return layers, weights


def largest_error(layers: list[Floats], source: int | Floats) -> tuple[float, float]:
    """Return the largest difference to networkx in absolute terms, and relative to the flow's value."""
    values = layered_max_flow(layers, source).value
    expected = np.array([reference_flow(layers, source, sink) for sink in range(len(values))])
    error = np.abs(values - expected)
    return float(error.max()), float((error / np.maximum(expected, 1e-300)).max())


@given(graphs())
@thorough(1000)
def test_graphs_of_every_kind(graph: tuple[list[Floats], int | Floats]) -> None:
    assert largest_error(*graph)[1] <= 1e-9


@given(graphs(("one-hot", "sparse", "zero rows", "few levels", "nothing")))
@thorough(600)
def test_degenerate_graphs(graph: tuple[list[Floats], int | Floats]) -> None:
    assert largest_error(*graph)[1] <= 1e-9


@given(graphs(("stochastic", "residual")), st.integers(0, 2**32 - 1))
@thorough(400)
def test_attention_with_residual(graph: tuple[list[Floats], int | Floats], seed: int) -> None:
    layers, source = graph
    size = layers[-1].shape[0]
    rng = np.random.default_rng(seed)
    square = [random_layer(rng, size, size, "residual") for _ in layers]
    assert largest_error(square, source)[1] <= 1e-9


@given(graphs(("huge range",)))
@thorough(300)
def test_capacities_from_1e_minus_12_to_1e6_against_the_largest(graph: tuple[list[Floats], int | Floats]) -> None:
    layers, source = graph
    largest = max(float(layer.max()) for layer in layers)
    assert largest_error(layers, source)[0] <= 1e-9 * largest
