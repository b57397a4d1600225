"""The attention graph as a networkx DiGraph: the whole, or the edges of some paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.attention import LayeredGraph
from vitexplain.graph.flow import Edge, PatchFlow
from vitexplain.graph.paths import Path

if TYPE_CHECKING:
    import networkx as nx

SOURCE = "source"
"""The name of the virtual node above the top level, for a readout of several tokens."""


def node_name(layer: int, token: int) -> str:
    """Return the name of the node for `token` at the output of `layer`; layer 0 are the tokens that enter layer 1."""
    return f"L{layer}T{token}"


def source_name(graph: LayeredGraph) -> str:
    """Return the name of the node that rollout and flow start at."""
    node = graph.source.node
    return SOURCE if node is None else node_name(graph.last, node)


def to_networkx(
    graph: LayeredGraph,
    paths: Iterable[Path] | None = None,
    flow: PatchFlow | None = None,
    about: Mapping[str, str | int] | None = None,
) -> nx.DiGraph[str]:
    """Return the graph with edges from the token that reads to the token that is read.

    Nodes have `layer` (at whose output the token is), `token` and, for patches, `patch` ("row,col"); edges `weight`
    and `capacity`, both the entry of the graph's layer. With `paths` only the edges on them are there, otherwise all.
    With `flow` edges have `flow` and the cut's have `cut` (true) as well. The attributes of the graph are `about`,
    `source` (the node) and, with `flow`, `sink` and `flow_value`: networkx.maximum_flow between them gives that value
    on the whole graph.
    """
    import networkx as nx

    made: nx.DiGraph[str] = nx.DiGraph(**(about or {}), source=source_name(graph))
    if flow is not None:
        made.graph["sink"] = node_name(graph.first - 1, flow.token)
        made.graph["flow_value"] = flow.value
    made.add_node(source_name(graph), **_source_attributes(graph))
    if paths is None:
        for level in range(len(graph.arrays), -1, -1):
            tokens = graph.levels[level].tokens
            made.add_nodes_from(_node(graph, level, token) for token in range(tokens))
    chosen = _all_edges(graph) if paths is None else _path_edges(graph, paths)
    for level, reader, read in chosen:
        upper = SOURCE if reader < 0 else _add(made, graph, level, reader)
        lower = _add(made, graph, level - 1, read)
        made.add_edge(upper, lower, **_edge_attributes(graph, (level, reader, read), flow))
    return made


def _all_edges(graph: LayeredGraph) -> Iterator[Edge]:
    """Yield every edge, from the source down; an entry of 0 is no edge."""
    if graph.source_weights is not None:
        yield from ((len(graph.arrays) + 1, -1, int(token)) for token in np.flatnonzero(graph.source_weights))
    for level in range(len(graph.arrays), 0, -1):
        above, below = np.nonzero(graph.arrays[level - 1])
        yield from ((level, a, b) for a, b in zip(above.tolist(), below.tolist(), strict=True))


def _path_edges(graph: LayeredGraph, paths: Iterable[Path]) -> list[Edge]:
    """Return the edges on the paths, each once, from the source down."""
    top, found = len(graph.arrays), set[Edge]()
    for path in paths:
        if graph.source.node is None:
            found.add((top + 1, -1, path.tokens[0]))
        found |= {(top - depth, above, below) for depth, (above, below) in enumerate(pairwise(path.tokens))}
    return sorted(found, key=lambda edge: (-edge[0], *edge[1:]))


def _add(made: nx.DiGraph[str], graph: LayeredGraph, level: int, token: int) -> str:
    name, attributes = _node(graph, level, token)
    if name not in made:
        made.add_node(name, **attributes)
    return name


def _node(graph: LayeredGraph, level: int, token: int) -> tuple[str, dict[str, Any]]:
    layer = level + graph.first - 1
    patch = graph.levels[level].patch_of_token(token)
    where = {} if patch is None else {"patch": f"{patch[0]},{patch[1]}"}
    return node_name(layer, token), {"layer": layer, "token": token, **where}


def _source_attributes(graph: LayeredGraph) -> dict[str, Any]:
    node = graph.source.node
    if node is None:
        return {"layer": graph.last + 1}
    return _node(graph, len(graph.arrays), node)[1]


def _edge_attributes(graph: LayeredGraph, edge: Edge, flow: PatchFlow | None) -> dict[str, Any]:
    level, reader, read = edge
    virtual = reader < 0
    weight = float(graph.start[read] if virtual else graph.arrays[level - 1][reader, read])
    attributes: dict[str, Any] = {"weight": weight, "capacity": weight}
    if flow is not None:
        carried = flow.source_flow if virtual else flow.flow[level - 1][reader]
        assert carried is not None
        attributes["flow"] = float(carried[read])
        if edge in flow.cut:
            attributes["cut"] = True
    return attributes
