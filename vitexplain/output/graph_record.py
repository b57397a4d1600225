"""The record of an attention graph (schema "vitexplain/graph-1"): what was asked of it and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitexplain.attention import LayeredGraph
from vitexplain.graph import PatchFlow, Path, edge_count, node_name
from vitexplain.result import Result, plain

GRAPH_SCHEMA = "vitexplain/graph-1"


def graph_record(
    result: Result, graph: LayeredGraph, paths: Sequence[Path], flow: PatchFlow | None = None
) -> dict[str, Any]:
    """Return the record of the strongest `paths`, or of those that the `flow` to a patch takes.

    `share` is what the paths carry of the whole: of the rollout on all patches, or of the flow.
    """
    (explanation,) = result.explanations
    record = result.to_record()
    whole = float(explanation.scores.astype("float64").sum()) if flow is None else flow.value
    made: dict[str, Any] = {"schema": GRAPH_SCHEMA, "image": record["image"], "model": record["model"]}
    made["predictions"] = record["predictions"]
    made |= {
        "spec": explanation.spec,
        "layers": list(explanation.layers),
        "source": explanation.source,
        "edges": edge_count(graph),
        "paths": [{"nodes": _nodes(graph, path), "weight": path.weight} for path in paths],
        "share": sum(path.weight for path in paths) / whole if whole > 0 else None,
    }
    if flow is not None:
        patch = graph.grid.patch_of_token(flow.token)
        made["flow"] = {
            "patch": None if patch is None else list(patch),
            "value": flow.value,
            "cut_layers": list(flow.cut_layers),
            "cut_edges": len(flow.cut),
        }
    return {**made, "notices": plain(explanation.notices), "version": result.version}


def _nodes(graph: LayeredGraph, path: Path) -> list[str]:
    """Return the names of the path's nodes, from the source down."""
    layers = range(graph.last, graph.first - 2, -1)
    return [node_name(layer, token) for layer, token in zip(layers, path.tokens, strict=True)]
