"""The attention graph of one image: strongest paths, flow on edges with its cut, networkx and files for other tools."""

from vitexplain.graph.export import FORMATS, MAX_EDGES, ExportFormat, export, require_exportable
from vitexplain.graph.flow import PatchFlow, flow_to
from vitexplain.graph.image_graph import ImageGraph, image_graph
from vitexplain.graph.networkx_graph import SOURCE, node_name, to_networkx
from vitexplain.graph.paths import Path, strongest_paths

__all__ = [
    "FORMATS",
    "MAX_EDGES",
    "SOURCE",
    "ExportFormat",
    "ImageGraph",
    "PatchFlow",
    "Path",
    "export",
    "flow_to",
    "image_graph",
    "node_name",
    "require_exportable",
    "strongest_paths",
    "to_networkx",
]
