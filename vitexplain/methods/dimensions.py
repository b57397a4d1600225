"""Dimensions: the layers, heads and tokens of a model, which layers, head, source and window have to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitexplain.attention import require_head, resolve_source
from vitexplain.errors import UsageError
from vitexplain.forward_pass import layers_within
from vitexplain.tokens import TokenLayout


@dataclass(frozen=True)
class Dimensions:
    """How many layers and heads a model has, and how its tokens lie; None: not known before it runs."""

    layers: int | None
    heads: int | None
    layout: TokenLayout | None


def check_layers(layers: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for layers that the model does not have."""
    if dimensions.layers is not None:
        layers_within(layers, dimensions.layers)


def check_head(head: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a head that the model does not have; None is all of them."""
    if head is not None and dimensions.heads is not None:
        require_head(head, dimensions.heads)


def check_source_exists(source: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a source that is no token or patch of the model's."""
    if dimensions.layout is not None:
        resolve_source(source, dimensions.layout)


def check_window(side: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a window that does not lie in the grid."""
    if dimensions.layout is not None:
        require_window(side, dimensions.layout)


def require_window(side: int, layout: TokenLayout) -> None:
    """Raise UsageError unless a square of side x side patches lies in the grid."""
    if side > min(layout.rows, layout.cols):
        raise UsageError(
            f"window {side} is too large: the grid has {layout.rows} x {layout.cols} patches, "
            f"give a window from 1 to {min(layout.rows, layout.cols)}"
        )
