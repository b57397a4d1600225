"""The flow to one patch: its value is networkx's, its paths carry all of it, its cut has that capacity."""

from __future__ import annotations

import math

import networkx as nx
import pytest

from tests.graph.small import graph
from tests.literal import flow as literal_flow
from vitexplain.attention import LayeredGraph
from vitexplain.graph import PatchFlow, flow_to


def capacity(given: LayeredGraph, cut: PatchFlow) -> float:
    layers = given.arrays
    return math.fsum(
        given.start[read] if reader < 0 else layers[level - 1][reader, read] for level, reader, read in cut.cut
    )


@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_value_paths_and_cut(seed: int, sparse: bool, virtual: bool) -> None:
    given = graph(seed, virtual=virtual, sparse=sparse)
    token = 1 + seed % 6
    found = flow_to(given, token)
    expected = literal_flow(list(given.arrays), 0 if given.source.node == 0 else given.start)[token]
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert capacity(given, found) == pytest.approx(expected, rel=1e-9)
    paths = found.widest_paths(1000)
    assert math.fsum(path.weight for path in paths) == pytest.approx(expected, rel=1e-9)
    assert all(path.tokens[-1] == token for path in paths)
    widths = [path.weight for path in paths]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("seed", range(8))
def test_every_path_crosses_the_cut_once(seed: int) -> None:
    given = graph(seed)
    found = flow_to(given, 3)
    paths = found.widest_paths(1000)
    assert paths
    for path in paths:
        edges = [(3 - depth, *pair) for depth, pair in enumerate(zip(path.tokens, path.tokens[1:], strict=False))]
        assert sum(edge in found.cut for edge in edges) == 1


def test_a_cut_separates_source_and_sink() -> None:
    given = graph(3, virtual=True)
    found = flow_to(given, 2)
    whole: nx.DiGraph[tuple[int, int]] = nx.DiGraph()
    for level, layer in enumerate(given.arrays, start=1):
        whole.add_edges_from(((level, a), (level - 1, b)) for a in range(7) for b in range(7) if layer[a, b] > 0)
    whole.add_edges_from(((4, -1), (3, token)) for token in range(1, 7))
    for level, reader, read in found.cut:
        whole.remove_edge((level, reader), (level - 1, read))
    assert not nx.has_path(whole, (4, -1), (0, 2))
