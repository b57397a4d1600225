"""Replacing: attention that makes the tokens above anew, without a skip connection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from vitexplain.attention.dense import DenseLayer, Everywhere
from vitexplain.attention.layer import Mixing
from vitexplain.attention.merging import Merging


@dataclass(frozen=True, eq=False)
class Replacing:
    """Fewer tokens above read all tokens below; nothing of a token goes past attention, whatever the residual.

    `cells` says which patches below lie where a token above lies: what belongs to a token is shown there.
    """

    cells: Merging

    @property
    def continues(self) -> bool:
        """No token goes on."""
        return False

    @property
    def call(self) -> tuple[int, int, int]:
        """The attention call of one image as (windows, queries, keys)."""
        return 1, len(self.cells.parts), self.cells.below

    def layer(self, fused: Tensor, mixing: Mixing) -> DenseLayer:
        """Return the layer for fused attention (B, N, M), without residual."""
        nothing = fused.new_zeros(fused.shape[1:])
        return Everywhere(fused.size(1), fused.size(2), nothing).layer(fused, replace(mixing, residual=0.0))

    def attention(self, fused: Tensor) -> DenseLayer:
        """Return the fused attention alone as a layer."""
        return Everywhere(fused.size(1), fused.size(2)).attention(fused)

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above shared out among the patches that lie there."""
        return self.cells.share(rows)
