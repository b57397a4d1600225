"""Joining: attention at which a constant token, a class token, comes to the tokens of the level below."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vitexplain.attention.dense import DenseLayer, Everywhere
from vitexplain.attention.layer import Mixing


@dataclass(frozen=True, eq=False)
class Joining:
    """`joined` tokens that are no tokens of the level below stand before its `below` tokens; all read all.

    What is read of a joined token is a constant, the same for every picture: it is left out, and the row divided by
    what remains. A joined token continues no token below: its row is attention alone, whatever the residual.
    """

    joined: int
    below: int

    @property
    def continues(self) -> bool:
        """Yes: each token but the joined ones."""
        return True

    @property
    def call(self) -> tuple[int, int, int]:
        """The attention call of one image as (windows, queries, keys)."""
        return 1, self.joined + self.below, self.joined + self.below

    def layer(self, fused: Tensor, mixing: Mixing) -> DenseLayer:
        """Return the layer for fused attention (B, joined + M, joined + M), from joined + M tokens to M."""
        read = fused[..., self.joined :]
        skip = torch.cat([fused.new_zeros(self.joined, self.below), torch.eye(self.below).to(fused)])
        place = Everywhere(self.joined + self.below, self.below, skip)
        layer, bare = place.layer(read, mixing), place.layer(read, replace(mixing, residual=0.0))
        scale = torch.cat([bare.scale[:, : self.joined], layer.scale[:, self.joined :]], 1)
        own = torch.cat([bare.own[:, : self.joined], layer.own[:, self.joined :]], 1)
        return DenseLayer(layer.fused, scale, own, layer.skip)

    def attention(self, fused: Tensor) -> DenseLayer:
        """Return the fused attention alone as a layer, what is read of the joined tokens left out."""
        return Everywhere(self.joined + self.below, self.below).attention(fused[..., self.joined :])

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above that continue a token below."""
        return rows[:, self.joined :]
