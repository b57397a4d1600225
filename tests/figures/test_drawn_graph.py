"""The drawn graph: every text legible, the cut's edges marked, the words count what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.figures import boxes, given
from tests.graph.small import graph, of_arrays
from vitexplain.attention import LayeredGraph
from vitexplain.figures import about_drawn, about_flow, about_paths, draw_graph, title_of
from vitexplain.graph import flow_to, strongest_paths
from vitexplain.tokens import TokenGrid

ORANGE = [[0xD5 / 255, 0x5E / 255, 0.0, 1.0]]


def large(virtual: bool) -> LayeredGraph:
    """Return a graph of 17 tokens, the grid of `given.result`."""
    rng = np.random.default_rng(0)
    layers = [rng.dirichlet(np.full(17, 0.3), 17) for _ in range(12)]
    return of_arrays(layers, TokenGrid(1, 4, 4), virtual=virtual)


@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("top", [1, 50])
def test_legible(virtual: bool, flow: bool, top: int) -> None:
    result, whole = given.result(1), large(virtual)
    found = flow_to(whole, 6) if flow else None
    paths = found.widest_paths(top) if found else strongest_paths(whole, top)
    said = about_flow(whole, found) if found else about_paths(result, whole, paths)
    notes = [about_drawn(found, paths)] if found else []
    sheet = draw_graph(result, whole, paths, found, title=title_of(result, whole, found, top), said=said, notes=notes)
    assert boxes.overlapping(sheet) == []
    assert boxes.cut_off(sheet) == []
    marked = [
        lines for lines in sheet.figure.axes[0].collections if np.asarray(lines.get_edgecolor()).tolist()[:1] == ORANGE
    ]
    assert bool(marked) == flow


def test_words_about_a_flow() -> None:
    whole = graph(1)
    found = flow_to(whole, 4)
    said = about_flow(whole, found)
    assert said.startswith(f"At most {found.value:.4g} can flow from the source to patch 1,0. ")
    assert f"{len(found.cut)} edges" in said
    assert about_drawn(found, found.widest_paths(1000)).endswith("with 100% of the flow.")


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [(0, "Layer 1 limits it: the 7 edges that lead to the patch there"), (2, "The source limits it"), (1, "Layer 2")],
)
def test_the_layer_that_limits_a_flow_is_named(narrow: int, expected: str) -> None:
    """Three layers that let everything through but for one, and one edge each of the class token's."""
    layers = [np.full((7, 7), 1.0) for _ in range(3)]
    layers[narrow] = np.full((7, 7), 1e-3)
    whole = of_arrays(layers)
    found = flow_to(whole, 3)
    assert found.value == pytest.approx({0: 7e-3, 1: 49e-3, 2: 7e-3}[narrow])
    assert expected in about_flow(whole, found)


def test_words_about_paths() -> None:
    result, whole = given.result(1), graph(1)
    paths = strongest_paths(whole, 3)
    share = math.fsum(path.weight for path in paths) / float(result.explanations[0].scores.sum())
    said = about_paths(result, whole, paths)
    assert said.startswith("3 paths of 294, together ")
    assert f"{100 * share:.2g}%" in said


def test_nothing_flows() -> None:
    layer = np.zeros((7, 7))
    layer[0, 0] = 1.0
    whole = of_arrays([layer, layer])
    found = flow_to(whole, 3)
    assert about_flow(whole, found) == "Nothing flows to patch 0,2: no path leads there."
    result = given.result(1)
    assert strongest_paths(whole, 5) == ()
    assert "No path" in about_paths(result, whole, ())
    draw_graph(result, whole, (), found, title="nothing", said="nothing")
