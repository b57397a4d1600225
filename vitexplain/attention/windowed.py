"""WindowedLayer: attention within windows, kept as blocks with their token numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.attention.dense import smallest
from vitexplain.attention.layer import Mixing, rows_of
from vitexplain.attention.merging import Merging


@dataclass(frozen=True, eq=False)
class Windows:
    """Attention calls within W windows: which tokens they are of, and which of these read which.

    `queries` (W, n) are numbers of tokens above, each at most once; `keys` (W, m) numbers of tokens below; -1 is no
    token, such as padding. `reads` (W, n, m), bool: which edges there are; None: all between tokens. `tokens`: how many
    there are (above, below). `skip`: what the tokens above continue; None: themselves. A token above that is in no
    window continues what it continues, and nothing else.
    """

    queries: Tensor
    keys: Tensor
    tokens: tuple[int, int]
    reads: Tensor | None = None
    skip: Merging | None = None

    @property
    def continues(self) -> bool:
        """Yes: each token."""
        return True

    @property
    def call(self) -> tuple[int, int, int]:
        """The attention call of one image as (windows, queries, keys)."""
        return len(self.queries), self.queries.size(1), self.keys.size(1)

    @cached_property
    def edges(self) -> Tensor | None:
        """Which edges there are (W, n, m); None: all."""
        found = (self.queries >= 0)[:, :, None] & (self.keys >= 0)[:, None]
        found = found if self.reads is None else found & self.reads
        return None if bool(found.all()) else found

    def layer(self, fused: Tensor, mixing: Mixing) -> WindowedLayer:
        """Return the layer for fused attention (B * W, n, m); attention to what is no token is left out."""
        blocks = self._discarded(self._blocks(fused), mixing.discard)
        blocks = blocks.to(device=mixing.device, dtype=mixing.dtype)
        scale, rows = rows_of(blocks.sum(-1, keepdim=True).flatten(1, 2), mixing)
        own = rows.new_ones(len(rows), self.tokens[0] + 1)
        own[:, self._numbers(self.queries, rows)] = rows
        return WindowedLayer(self, blocks, scale.view(*blocks.shape[:3], 1), own[:, :-1])

    def attention(self, fused: Tensor) -> WindowedLayer:
        """Return the fused attention alone as a layer."""
        blocks = self._blocks(fused)
        none = blocks.new_zeros(len(blocks), self.tokens[0])
        return WindowedLayer(self, blocks, blocks.new_ones(*blocks.shape[:3], 1), none)

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above, shared out among those below that they continue."""
        return rows if self.skip is None else self.skip.share(rows)

    def _blocks(self, fused: Tensor) -> Tensor:
        blocks = fused.view(-1, *self.call)
        return blocks if self.edges is None else blocks.masked_fill(~self.edges.to(fused.device), 0.0)

    def _discarded(self, blocks: Tensor, fraction: float) -> Tensor:
        """Return blocks (B, W, n, m) without the given fraction of each image's edges, the smallest.

        The edges to what a token continues stay, as everywhere.
        """
        edges = torch.ones_like(blocks[0], dtype=torch.bool) if self.edges is None else self.edges.to(blocks.device)
        count = math.floor(fraction * int(edges.sum()))
        if count == 0:
            return blocks
        gone = smallest(blocks.masked_fill(~edges, torch.inf).flatten(1), count).view_as(blocks)
        queries, keys = self.queries[:, :, None], self.keys[:, None]
        continued = queries[..., None] if self.skip is None else self.skip.parts[queries]
        stay = (continued == keys[..., None]).any(-1)
        return blocks.masked_fill(gone & ~stay.to(blocks.device), 0.0)

    @staticmethod
    def _numbers(tokens: Tensor, like: Tensor) -> Tensor:
        """Return the windows' tokens in one row; -1, no token, is the one behind the last."""
        return tokens.flatten().to(like.device)


@dataclass(frozen=True, eq=False)
class WindowedLayer:
    """Blocks `fused` (B, W, n, m) times `scale` (B, W, n, 1), plus `own` (B, N) times what each token continues."""

    windows: Windows
    fused: Tensor
    scale: Tensor
    own: Tensor

    @property
    def matrix(self) -> Tensor:
        """The layer as (B, N, M), made anew each time: it may be large."""
        above, below = self.windows.tokens
        skip = self.windows.skip
        full = self.fused.new_zeros(len(self.own), above + 1, below + 1)
        queries, keys = self.windows.queries[:, :, None], self.windows.keys[:, None]
        full[:, queries.to(full.device), keys.to(full.device)] = self.fused * self.scale
        matrix = full[:, :above, :below]
        if skip is not None:
            each = torch.eye(above, dtype=matrix.dtype, device=matrix.device)
            return matrix + self.own[..., None] * skip.share(each)
        matrix.diagonal(dim1=1, dim2=2).add_(self.own)
        return matrix

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""
        batch, count, _, keys = self.fused.shape
        given = functional.pad(rows, (0, 1))[:, self.windows.queries.to(rows.device)]
        scaled = (given[..., None] * self.scale).mT.flatten(0, 1)
        read = torch.bmm(scaled, self.fused.flatten(0, 1)).view(batch, count * keys)
        numbers = self.windows.keys.flatten().to(rows.device)
        below = self.windows.tokens[1]
        passed = read.new_zeros(batch, below + 1).index_add_(1, numbers.where(numbers >= 0, below), read)
        return passed[:, :below] + self.windows.share(rows * self.own)

    def of_image(self, image: int) -> WindowedLayer:
        """Return the layer of one image of the batch."""
        chosen = slice(image, image + 1)
        return WindowedLayer(self.windows, self.fused[chosen], self.scale[chosen], self.own[chosen])
