"""Layout: the form in which a network's blocks take and return tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["BND", "NBD", "BHWD", "BDHW"]
"""Batch, tokens and channels in their order; H and W are the rows and columns of a map of patches.

Modules that merge rows of tokens may return them as a map, channels last."""


def by_token(output: Tensor, layout: Layout) -> Tensor:
    """Return what a block returned, or numbers of its shape, as (B, N, D)."""
    if layout == "NBD":
        return output.transpose(0, 1)
    if layout == "BHWD" or (layout == "BND" and output.ndim == 4):
        return output.flatten(1, 2)
    return output.flatten(2).mT if layout == "BDHW" else output
