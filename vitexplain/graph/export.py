"""The attention graph as a file for other tools: GraphML, networkx's node-link JSON, or Graphviz' DOT."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vitexplain.attention import LayeredGraph
from vitexplain.errors import LimitError

if TYPE_CHECKING:
    import networkx as nx

ExportFormat = Literal["graphml", "json", "dot"]
FORMATS: tuple[ExportFormat, ...] = ("graphml", "json", "dot")

MAX_EDGES = 100_000
"""A file with more edges than this is written only on request."""

_BYTES_AN_EDGE = {"graphml": 155, "json": 110, "dot": 91}


def require_exportable(graph: LayeredGraph, form: ExportFormat) -> None:
    """Raise LimitError, which says how large the file would be, for a whole graph of more than MAX_EDGES edges."""
    edges = edge_count(graph)
    if edges > MAX_EDGES:
        size = edges * _BYTES_AN_EDGE[form] / 1e6
        raise LimitError(
            f"the whole graph has {edges:,} edges, about {size:,.0f} MB of {form}; more than {MAX_EDGES:,} "
            "are written only with `all=True`; `top=50` writes the strongest paths alone"
        )


def edge_count(graph: LayeredGraph) -> int:
    """Return the number of edges, those of a virtual source included; an entry of 0 is no edge."""
    virtual = 0 if graph.source_weights is None else int(np.count_nonzero(graph.source_weights))
    return virtual + sum(int(np.count_nonzero(layer)) for layer in graph.arrays)


def export(graph: nx.DiGraph[str], form: ExportFormat, sha256: str, header: Mapping[str, Any]) -> bytes:
    """Return the file; it carries the mark of the image it belongs to. JSON holds `header` beside the graph.

    Numbers are written so that reading them gives the same numbers.
    """
    if form == "json":
        return _json(graph, header)
    mark = f"vitexplain:{sha256}"
    return _dot(graph, mark) if form == "dot" else _graphml(graph, mark)


def _json(graph: nx.DiGraph[str], header: Mapping[str, Any]) -> bytes:
    import networkx as nx

    document = {**header, "graph": nx.node_link_data(graph, edges="edges")}
    return json.dumps(document, allow_nan=False).encode("ascii") + b"\n"


def _graphml(graph: nx.DiGraph[str], mark: str) -> bytes:
    import networkx as nx

    stream = io.BytesIO()
    nx.write_graphml_xml(graph, stream)
    declaration, _, rest = stream.getvalue().partition(b"\n")
    return b"\n".join((declaration, f"<!-- {mark} -->".encode("ascii"), rest))


def _dot(graph: nx.DiGraph[str], mark: str) -> bytes:
    lines = [f"// {mark}", "digraph {"]
    lines += [f"  {_quoted(key)}={_quoted(value)};" for key, value in graph.graph.items()]
    lines += [f"  {_quoted(name)} {_attributes(values)};" for name, values in graph.nodes.items()]
    lines += [f"  {_quoted(a)} -> {_quoted(b)} {_attributes(values)};" for (a, b), values in graph.edges.items()]
    return ("\n".join(lines) + "\n}\n").encode("utf-8", "backslashreplace")


def _attributes(values: Mapping[str, Any]) -> str:
    return f"[{', '.join(f'{key}={_quoted(value)}' for key, value in values.items())}]"


def _quoted(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
