"""DenseLayer: every token above may read every token below, as in a plain ViT."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vitexplain.attention.layer import Mixing, rows_of


def discard_smallest(fused: Tensor, fraction: float, skip: Tensor | None = None) -> Tensor:
    """Return fused (B, N, M) with the floor(fraction * N * M) smallest entries of each image set to 0.

    The entries of tokens that a token continues always stay, even where they are among the smallest: those at which the
    skip (N, M) is not 0, or the diagonal if none is given. Of equal entries the earlier ones in row-major order are
    discarded first.
    """
    count = math.floor(fraction * fused[0].numel())
    if count == 0:
        return fused
    gone = smallest(fused.flatten(1), count).view_as(fused)
    if skip is None:
        gone.diagonal(dim1=1, dim2=2).fill_(False)
    else:
        gone &= skip.to(fused.device) == 0
    return fused.masked_fill(gone, 0.0)


def smallest(flat: Tensor, count: int) -> Tensor:
    """Return which are the `count` smallest numbers of each row (B, K); of equal ones the earlier."""
    threshold = flat.kthvalue(count, dim=1, keepdim=True).values
    below, ties = flat < threshold, flat == threshold
    room = count - below.sum(1, keepdim=True)
    return below | (ties & (ties.cumsum(1) <= room))


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """Attention from N tokens above to M tokens below, and a skip connection.

    `scale` (B, N, 1) times `fused` (B, N, M), plus `own` (B, N) times the skip, a map (N, M) from each token above to
    those below that it continues, in shares; None: every token continues itself. The parts stay separate because
    making the matrix costs more than all of rollout's arithmetic.
    """

    fused: Tensor
    scale: Tensor
    own: Tensor
    skip: Tensor | None = None

    @cached_property
    def matrix(self) -> Tensor:
        """The layer as (B, N, M): entry [b, i, j] is the weight of the edge from token i above to token j below."""
        matrix = self.fused * self.scale
        if self.skip is not None:
            return matrix + self.own[..., None] * self.skip
        matrix.diagonal(dim1=1, dim2=2).add_(self.own)
        return matrix

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""
        scaled = rows[:, None] * self.scale.mT
        skipped = rows * self.own
        return torch.bmm(scaled, self.fused)[:, 0] + (skipped if self.skip is None else skipped @ self.skip)

    def of_image(self, image: int) -> DenseLayer:
        """Return the layer of one image of the batch."""
        chosen = slice(image, image + 1)
        return DenseLayer(self.fused[chosen], self.scale[chosen], self.own[chosen], self.skip)


def dense_layer(matrix: Tensor) -> DenseLayer:
    """Return a matrix (B, N, M) as a layer without a skip of its own, in float64 on the CPU."""
    return _bare(matrix.double().cpu())


def _bare(matrix: Tensor) -> DenseLayer:
    batch, above, below = matrix.shape
    skip = None if above == below else matrix.new_zeros(above, below)
    return DenseLayer(matrix, matrix.new_ones(batch, above, 1), matrix.new_zeros(batch, above), skip)


def mix_residual(
    fused: Tensor, residual: float, *, by_largest: bool = False, kept: bool = False, skip: Tensor | None = None
) -> DenseLayer:
    """Return the layer (1 - r) F + r S over fused attention F (B, N, M), every row a share (see `rows_of`).

    S, the skip (N, M), is the identity where none is given.
    """
    scale, own = rows_of(fused.sum(-1, keepdim=True), Mixing(residual, by_largest=by_largest, kept=kept))
    return DenseLayer(fused, scale, own, None if skip is None else skip.to(fused))


@dataclass(frozen=True, eq=False)
class Everywhere:
    """One attention call from all `above` tokens to all `below`; `skip` as in `DenseLayer`."""

    above: int
    below: int
    skip: Tensor | None = None

    @property
    def continues(self) -> bool:
        """Yes: each token."""
        return True

    @property
    def call(self) -> tuple[int, int, int]:
        """The attention call of one image as (windows, queries, keys)."""
        return 1, self.above, self.below

    def layer(self, fused: Tensor, mixing: Mixing) -> DenseLayer:
        """Return the layer for fused attention (B, N, M)."""
        kept = discard_smallest(fused, mixing.discard, self.skip).to(device=mixing.device, dtype=mixing.dtype)
        return mix_residual(kept, mixing.residual, by_largest=mixing.by_largest, kept=mixing.kept, skip=self.skip)

    def attention(self, fused: Tensor) -> DenseLayer:
        """Return the fused attention alone as a layer."""
        return _bare(fused)

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above, shared out among those below that they continue."""
        return rows if self.skip is None else rows @ self.skip.to(rows)
