"""Exact maximum flow in a layered graph: arrays in, arrays out; nothing here knows a model."""

from vitexplain.maxflow.flow import edge_flow, layered_max_flow, layered_max_flow_batch, layered_max_flow_by_layer
from vitexplain.maxflow.result import EdgeFlow, LayeredFlow

__all__ = [
    "EdgeFlow",
    "LayeredFlow",
    "edge_flow",
    "layered_max_flow",
    "layered_max_flow_batch",
    "layered_max_flow_by_layer",
]
