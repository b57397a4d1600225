"""MergingLayer: tokens that are made of several tokens below, without attention."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vitexplain.attention.layer import Mixing


@dataclass(frozen=True, eq=False)
class Merging:
    """Each token above is made of up to K tokens below.

    `parts` (N, K) are their numbers, -1 for none; `below` is how many there are. Every part has the same share: a
    rollout follows attention weights alone and looks at no norms, neither of values nor here.
    """

    parts: Tensor
    below: int

    @property
    def continues(self) -> bool:
        """Yes: each token."""
        return True

    @property
    def call(self) -> None:
        """None: the layer has no attention."""
        return

    @cached_property
    def shares(self) -> Tensor:
        """The share of each part (N, K), those of a token adding up to 1."""
        there = (self.parts >= 0).double()
        return there / there.sum(1, keepdim=True)

    def layer(self, fused: Tensor, mixing: Mixing) -> MergingLayer:
        """Return the layer for a batch of as many images as `fused` has."""
        like = fused.new_zeros(len(fused), len(self.parts)).to(device=mixing.device, dtype=mixing.dtype)
        return MergingLayer(self, like)

    def attention(self, fused: Tensor) -> MergingLayer:
        """Return the layer, which has no attention: a token's numbers go on to what it is made of."""
        return MergingLayer(self, fused.new_zeros(len(fused), len(self.parts)))

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above (B, N), shared out among their parts."""
        numbers = self.parts.flatten().to(rows.device)
        shared = (rows[..., None] * self.shares.to(rows)).flatten(1)
        passed = rows.new_zeros(len(rows), self.below + 1)
        return passed.index_add_(1, numbers.where(numbers >= 0, self.below), shared)[:, : self.below]


@dataclass(frozen=True, eq=False)
class MergingLayer:
    """A merging for a batch; `own` (B, N) is 0, as there is no skip connection."""

    merging: Merging
    own: Tensor

    @property
    def matrix(self) -> Tensor:
        """The layer as (B, N, M), made anew each time."""
        count = len(self.merging.parts)
        one = self.merging.share(torch.eye(count, dtype=self.own.dtype, device=self.own.device))
        return one.expand(len(self.own), -1, -1)

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""
        return self.merging.share(rows)

    def of_image(self, image: int) -> MergingLayer:
        """Return the layer of one image of the batch."""
        return MergingLayer(self.merging, self.own[image : image + 1])
