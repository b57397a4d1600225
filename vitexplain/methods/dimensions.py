"""Dimensions: a model's layers, heads and tokens, which the options layers, head, source and window must fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitexplain.attention import require_head, resolve_source
from vitexplain.errors import UsageError
from vitexplain.forward_pass import layers_within
from vitexplain.tokens import Readout, TokenGrid


@dataclass(frozen=True)
class Dimensions:
    """How many layers and heads a model has, how its tokens lie, and which of them its classifier reads.

    `grid` None: not known before there is a picture.
    """

    layers: int
    heads: int
    grid: TokenGrid | None
    readout: Readout


def check_layers(layers: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for layers that the model does not have; None is all of them."""
    if layers is not None:
        layers_within(layers, dimensions.layers)


def check_head(head: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a head that the model does not have; None is all of them."""
    if head is not None:
        require_head(head, dimensions.heads)


def check_source_exists(source: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a source that is not a token or patch of the model."""
    if dimensions.grid is not None:
        resolve_source(source, dimensions.grid, dimensions.readout)


def check_window(side: Any, dimensions: Dimensions) -> None:
    """Raise UsageError for a window that does not fit in the grid."""
    if dimensions.grid is not None:
        require_window(side, dimensions.grid)


def require_window(side: int, grid: TokenGrid) -> None:
    """Raise UsageError unless a square of side x side patches fits in the grid."""
    if side > min(grid.rows, grid.cols):
        raise UsageError(
            f"window {side} is too large: the grid has {grid.rows} x {grid.cols} patches, "
            f"give a window from 1 to {min(grid.rows, grid.cols)}"
        )
