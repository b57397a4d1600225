"""Layer and Place: the edges between two levels with their weights, and where they are before there is a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Layer(Protocol):
    """One layer of the graph of a batch, from N tokens above to M tokens below.

    Rollout needs only one row of a product, so the layer as a matrix is made where flow or `graph` ask for it.
    """

    @property
    def own(self) -> Tensor:
        """(B, N above): the share of each token's skip connection."""

    @property
    def matrix(self) -> Tensor:
        """The layer as (B, N, M): entry [b, i, j] is the weight of the edge from token i above to token j below."""

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""

    def of_image(self, image: int) -> Layer:
        """Return the layer of one image of the batch."""


@dataclass(frozen=True)
class Mixing:
    """How fused attention becomes a layer: what is discarded, and how the residual is mixed in (see `rows_of`)."""

    residual: float
    discard: float = 0.0
    by_largest: bool = False
    kept: bool = False
    dtype: torch.dtype = torch.float32
    device: str | None = None


class Place(Protocol):
    """Where the edges of a layer are: which tokens below a token above reads, and which it continues."""

    @property
    def call(self) -> tuple[int, int, int] | None:
        """The attention call of one image as (windows, queries, keys); None: the layer has no attention."""

    @property
    def continues(self) -> bool:
        """Whether tokens go past the layer's attention, or through it where there is none."""

    def layer(self, fused: Tensor, mixing: Mixing) -> Layer:
        """Return the layer for fused attention (B * windows, queries, keys).

        Of a layer without attention, whatever the mixing: for any tensor whose first dimension is B.
        """

    def attention(self, fused: Tensor) -> Layer:
        """Return the fused attention alone as a layer, its numbers as they are, without what the tokens continue."""

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the number of each token above (B, N) shared out among the tokens below that it continues."""


def rows_of(sums: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
    """Return what multiplies the rows of fused attention, (B, R, 1), and the share of the skip (B, R), for their sums.

    The layer is (1 - r) F + r S over fused attention F with row sums (B, R, 1), S the skip. F's rows are divided by
    their own sums first, so that the residual is a share whatever the fusion. For mean fusion and r = 0.5 this is
    (A + I) / rowsum of Abnar & Zuidema 2020, section 3. A row of F without any attention leaves the residual alone (or
    nothing, for r = 0), never NaN.

    `by_largest` divides F by its largest row sum instead, and every row of the layer by its own sum afterwards: rows
    that matter little to the class stay close to the skip, and the scale of the gradients cancels out. `kept` leaves
    that last division out: such a row keeps its sum, r or little more, and hands less on than one that matters.
    """
    residual = mixing.residual
    if mixing.by_largest or mixing.kept:
        largest = sums.amax(1, keepdim=True)
        weight = (1 - residual) / largest.masked_fill(largest == 0, 1.0)
        if mixing.kept:
            return weight.expand_as(sums), sums.new_full(sums.shape[:2], residual)
        total = weight * sums + residual
        total = total.masked_fill(total == 0, 1.0)
        return weight / total, (residual / total)[..., 0]
    empty = sums == 0
    own = sums.new_full(sums.shape, residual).masked_fill_(empty, 1.0 if residual > 0 else 0.0)
    return (1 - residual) / sums.masked_fill(empty, 1.0), own[..., 0]
