"""From fused attention to the layer of the graph: discard small entries, normalise rows, mix in the residual."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


def discard_smallest(fused: Tensor, fraction: float, skip: Tensor | None = None) -> Tensor:
    """Return fused (B, N, M) with the floor(fraction * N * M) smallest entries of each image set to 0.

    The entries of tokens that a token continues always stay, even where they are among the smallest: those at which the
    skip (N, M) is not 0, or the diagonal if none is given. Of equal entries the earlier ones in row-major order are
    discarded first.
    """
    flat = fused.flatten(1)
    count = math.floor(fraction * flat.size(1))
    if count == 0:
        return fused
    threshold = flat.kthvalue(count, dim=1, keepdim=True).values
    below, ties = flat < threshold, flat == threshold
    room = count - below.sum(1, keepdim=True)
    gone = (below | (ties & (ties.cumsum(1) <= room))).view_as(fused)
    if skip is None:
        gone.diagonal(dim1=1, dim2=2).fill_(False)
    else:
        gone &= skip.to(fused.device) == 0
    return fused.masked_fill(gone, 0.0)


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of the graph, from N tokens above to M tokens below: attention and a skip connection.

    `scale` (B, N, 1) times `fused` (B, N, M), plus `own` (B, N) times the skip, a map (N, M) from each token above to
    those below that it continues, in shares; None: every token continues itself. The parts stay separate because
    rollout needs only one row of the product. Making the matrix costs more than all of rollout's arithmetic.
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


def dense_layer(matrix: Tensor) -> Layer:
    """Return a matrix (B, N, M) as a layer without a skip of its own, in float64 on the CPU."""
    double = matrix.double().cpu()
    nothing = double.new_zeros(double.shape[1:])
    return Layer(double, double.new_ones(*double.shape[:2], 1), double.new_zeros(double.shape[:2]), nothing)


def mix_residual(
    fused: Tensor, residual: float, *, by_largest: bool = False, kept: bool = False, skip: Tensor | None = None
) -> Layer:
    """Return the layer of the graph: (1 - r) F + r S over fused attention F (B, N, M), every row a share.

    S, the skip (N, M), is the identity where none is given. F's rows are divided by their own sums first, so that the
    residual is a share whatever the fusion. For mean fusion and r = 0.5 this is (A + I) / rowsum of Abnar & Zuidema
    2020, section 3. A row of F without any attention leaves the residual alone (or nothing, for r = 0), never NaN.

    `by_largest` divides F by its largest row sum instead, and every row of the layer by its own sum afterwards: rows
    that matter little to the class stay close to the skip, and the scale of the gradients cancels out. `kept` leaves
    that last division out: such a row keeps its sum, r or little more, and hands less on than one that matters.
    """
    sums = fused.sum(-1, keepdim=True)
    skip = None if skip is None else skip.to(fused)
    if by_largest or kept:
        largest = sums.amax(1, keepdim=True)
        weight = (1 - residual) / largest.masked_fill(largest == 0, 1.0)
        if kept:
            return Layer(fused, weight.expand_as(sums), sums.new_full(sums.shape[:2], residual), skip)
        total = weight * sums + residual
        total = total.masked_fill(total == 0, 1.0)
        return Layer(fused, weight / total, (residual / total)[..., 0], skip)
    empty = sums == 0
    own = sums.new_full(sums.shape, residual).masked_fill_(empty, 1.0 if residual > 0 else 0.0)
    return Layer(fused, (1 - residual) / sums.masked_fill(empty, 1.0), own[..., 0], skip)
