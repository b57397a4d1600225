"""From fused attention to the layer of the graph: discard small entries, make rows shares, mix in the residual."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def discard_smallest(fused: Tensor, fraction: float) -> Tensor:
    """Return fused (B, N, N) with the floor(fraction * N * N) smallest entries of each image set to 0.

    The diagonal always stays, also where it is among the smallest. Of equal entries the earlier ones in row-major
    order go first.
    """
    batch, tokens, _ = fused.shape
    count = math.floor(fraction * tokens * tokens)
    if count == 0:
        return fused
    flat = fused.reshape(batch, -1)
    threshold = flat.kthvalue(count, dim=1, keepdim=True).values
    below, ties = flat < threshold, flat == threshold
    room = count - below.sum(1, keepdim=True)
    gone = (below | (ties & (ties.cumsum(1) <= room))).view_as(fused)
    gone.diagonal(dim1=1, dim2=2).fill_(False)
    return fused.masked_fill(gone, 0.0)


def rows_to_shares(fused: Tensor) -> Tensor:
    """Return fused (B, N, N) with every row divided by its own sum; a row that sums to 0 stays 0."""
    sums = fused.sum(-1, keepdim=True)
    return fused / sums.masked_fill(sums == 0, 1.0)


def mix_residual(fused: Tensor, residual: float) -> Tensor:
    """Return the layer of the graph (B, N, N): (1 - r) F + r I over fused attention F, every row a share.

    F's rows are divided by their own sums first, so that the residual is a share whatever the fusion. For mean
    fusion and r = 0.5 this is (A + I) / rowsum of Abnar & Zuidema 2020, section 3. A row of F without any attention
    leaves the residual alone (or nothing, for r = 0), never NaN.
    """
    sums = fused.sum(-1, keepdim=True)
    empty = sums == 0
    layer = fused * ((1 - residual) / sums.masked_fill(empty, 1.0))
    own = sums.new_full(sums.shape, residual).masked_fill_(empty, 1.0 if residual > 0 else 0.0)
    layer.diagonal(dim1=1, dim2=2).add_(own.squeeze(-1))
    return layer
