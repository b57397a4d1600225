"""PooledLayer: attention to keys that are each made of several tokens below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.attention.dense import smallest
from vitexplain.attention.layer import Mixing, rows_of
from vitexplain.attention.merging import Merging


@dataclass(frozen=True, eq=False)
class PooledKeys:
    """All tokens read K keys, and each key stands for the tokens below that it is made of, in equal shares.

    Every token continues itself: there are as many above as below. `merged`: the tokens above are the K keys, and each
    continues what it is made of. `skip`: what the tokens above continue where they are made of other tokens.
    """

    keys: Merging
    merged: bool = False
    skip: Merging | None = None

    @property
    def continues(self) -> bool:
        """Yes: each token."""
        return True

    @property
    def call(self) -> tuple[int, int, int]:
        """The attention call of one image as (windows, queries, keys)."""
        keys, made = len(self.keys.parts), self._made
        return 1, self.keys.below if made is None else len(made.parts), keys

    @property
    def _made(self) -> Merging | None:
        """What the tokens above continue; None: themselves."""
        return self.keys if self.merged else self.skip

    def layer(self, fused: Tensor, mixing: Mixing) -> PooledLayer:
        """Return the layer for fused attention (B, N, K); what is discarded are its smallest entries.

        Those of merged tokens to themselves stay.
        """
        count = math.floor(mixing.discard * fused[0].numel())
        if count:
            gone = smallest(fused.flatten(1), count).view_as(fused)
            if self.merged:
                gone.diagonal(dim1=1, dim2=2).fill_(False)
            fused = fused.masked_fill(gone, 0.0)
        fused = fused.to(device=mixing.device, dtype=mixing.dtype)
        return PooledLayer(self, fused, *rows_of(fused.sum(-1, keepdim=True), mixing))

    def attention(self, fused: Tensor) -> PooledLayer:
        """Return the fused attention alone as a layer."""
        ones = fused.new_ones(*fused.shape[:2], 1)
        return PooledLayer(self, fused, ones, torch.zeros_like(ones[..., 0]))

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above (B, N), shared out among those below that they continue."""
        return rows if self._made is None else self._made.share(rows)


@dataclass(frozen=True, eq=False)
class PooledLayer:
    """`scale` (B, N, 1) times `fused` (B, N, K) times what the keys are made of, plus `own` (B, N) times the skip."""

    pooled: PooledKeys
    fused: Tensor
    scale: Tensor
    own: Tensor

    @property
    def matrix(self) -> Tensor:
        """The layer as (B, N, N), made anew each time."""
        made = self.pooled.keys.share((self.fused * self.scale).flatten(0, 1)).view(*self.own.shape, -1)
        if self.pooled.merged or self.pooled.skip is not None:
            each = torch.eye(self.own.size(1), dtype=made.dtype, device=made.device)
            return made + self.own[..., None] * self.pooled.share(each)
        made.diagonal(dim1=1, dim2=2).add_(self.own)
        return made

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""
        read = torch.bmm(rows[:, None] * self.scale.mT, self.fused)[:, 0]
        return self.pooled.keys.share(read) + self.pooled.share(rows * self.own)

    def of_image(self, image: int) -> PooledLayer:
        """Return the layer of one image of the batch."""
        chosen = slice(image, image + 1)
        return PooledLayer(self.pooled, self.fused[chosen], self.scale[chosen], self.own[chosen])
