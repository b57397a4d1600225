"""Layout: the form in which a network's blocks take and return tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Reordered:
    """(B, N, D) in another order than the picture's: the picture's token n stands at `places[n]`."""

    places: tuple[int, ...]


Layout = Literal["BND", "NBD", "BHWD", "BDHW"] | Reordered
"""Batch, tokens and channels in their order; H and W are the rows and columns of a map of patches.

Modules that merge rows of tokens may return them as a map, channels last."""


def by_token(output: Tensor, layout: Layout) -> Tensor:
    """Return what a block returned, or numbers of its shape, as (B, N, D), in the picture's order."""
    if isinstance(layout, Reordered):
        return output[:, list(layout.places)]
    if layout == "NBD":
        return output.transpose(0, 1)
    if layout == "BHWD" or (layout == "BND" and output.ndim == 4):
        return output.flatten(1, 2)
    return output.flatten(2).mT if layout == "BDHW" else output


def dimensions(layout: Layout) -> int:
    """Return how many dimensions tokens have in this form."""
    return 3 if isinstance(layout, Reordered) else len(layout)
