"""The methods: attention, class-specific, references and the random control; one per file, all in METHODS."""

from vitexplain.methods.by_head import single_heads
from vitexplain.methods.by_layer import cut_off, has_layers, scores_by_layer
from vitexplain.methods.dimensions import Dimensions
from vitexplain.methods.method import (
    Method,
    MethodScores,
    canonical_spec,
    check_fit,
    gradients_asked,
    needs_graph,
    options_of,
    with_parts,
    without_graph,
)
from vitexplain.methods.spec import METHODS, parse_methods, parse_spec

__all__ = [
    "METHODS",
    "Dimensions",
    "Method",
    "MethodScores",
    "canonical_spec",
    "check_fit",
    "cut_off",
    "gradients_asked",
    "has_layers",
    "needs_graph",
    "options_of",
    "parse_methods",
    "parse_spec",
    "scores_by_layer",
    "single_heads",
    "with_parts",
    "without_graph",
]
