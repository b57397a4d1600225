"""The methods: of attention, of a class, references and the random control; one a file, all in METHODS."""

from vitexplain.methods.by_head import single_heads
from vitexplain.methods.by_layer import cut_off, has_layers, scores_by_layer
from vitexplain.methods.default import (
    DEFAULT,
    chosen_methods,
    default_methods,
    is_open,
    over_upper_layers,
    without_gradients,
)
from vitexplain.methods.method import Method, MethodScores, canonical_spec, options_of
from vitexplain.methods.spec import METHODS, option_names, parse_methods, parse_spec

__all__ = [
    "DEFAULT",
    "METHODS",
    "Method",
    "MethodScores",
    "canonical_spec",
    "chosen_methods",
    "cut_off",
    "default_methods",
    "has_layers",
    "is_open",
    "option_names",
    "options_of",
    "over_upper_layers",
    "parse_methods",
    "parse_spec",
    "scores_by_layer",
    "single_heads",
    "without_gradients",
]
