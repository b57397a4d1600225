"""The attention graph of one image: strongest paths, flow on edges with its cut, networkx and files for other tools."""

from vitexplain.graph.export import FORMATS, MAX_EDGES, ExportFormat, edge_count, export, require_exportable
from vitexplain.graph.flow import PatchFlow, flow_to
from vitexplain.graph.networkx_graph import SOURCE, node_name, to_networkx
from vitexplain.graph.paths import Path, path_count, strongest_paths

__all__ = [
    "FORMATS",
    "MAX_EDGES",
    "SOURCE",
    "ExportFormat",
    "PatchFlow",
    "Path",
    "edge_count",
    "export",
    "flow_to",
    "node_name",
    "path_count",
    "require_exportable",
    "strongest_paths",
    "to_networkx",
]
