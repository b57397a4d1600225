"""Attention as a graph: head fusion, discard, residual, source; what rollout and flow are computed on."""

from vitexplain.attention.fusion import FUSIONS, Fusion
from vitexplain.attention.graph import AttentionGraph
from vitexplain.attention.layer import discard_smallest, mix_residual, rows_to_shares
from vitexplain.attention.source import Source, check_source, resolve_source

__all__ = [
    "FUSIONS",
    "AttentionGraph",
    "Fusion",
    "Source",
    "check_source",
    "discard_smallest",
    "mix_residual",
    "resolve_source",
    "rows_to_shares",
]
