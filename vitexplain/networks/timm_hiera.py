"""timm's Hiera: attention within mask units, later everywhere; between stages queries and tokens are pooled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout, Reordered
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmHiera(TimmStaged):
    """Ryali et al. 2023, "Hiera": tokens stand so that those that are pooled into one are N / 4 places apart."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.hiera.Hiera",)
    timm_modules: ClassVar[tuple[str, ...]] = ("hiera",)
    heads_first: ClassVar[bool] = True

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        if len(self.module.patch_stride) != 2:
            raise refuse(self.module, "it takes videos, not pictures")

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(f"blocks.{name}" for name, _ in self.module.blocks.named_children())

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes."""
        rows, cols = (int(side) for side in self.module.patch_stride)
        height, width = (int(side) for side in self.module.tokens_spatial_shape)
        return Pixels((height * rows, width * cols), (rows, cols), False)

    @property
    def overlapping(self) -> bool:
        """Yes: a patch sees pixels of its neighbours, too."""
        return True

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned, which stands in the picture's order."""
        return embeddings

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        sizes = [self.module.reroll.schedule[number][1] for number in range(len(self.blocks))]
        grids = [TokenGrid(0, int(rows), int(cols), class_token=False) for rows, cols in sizes]
        return (grids[0], *grids)

    def layout_at(self, level: int) -> Layout:
        """Return how the tokens of a level stand."""
        return Reordered(self._order(level))

    def _order(self, level: int) -> tuple[int, ...]:
        schedule, size = self.module.reroll.schedule[max(level - 1, 0)]
        return places_of(tuple(map(int, size)), tuple(tuple(map(int, strides)) for strides in schedule))

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the mask units of a block, or one window of all tokens."""
        attention: Any = self.module.get_submodule(self.blocks[layer - 1]).attn
        below, pooled = levels[layer - 1], int(attention.q_stride)
        windows = below.patches // (pooled * int(attention.window_size)) if attention.use_mask_unit_attn else 1
        return _units(self._order(layer), self._order(layer - 1), windows)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        return min(int(block.attn.heads) for block in self.module.blocks)

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.head.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        return self.output(self.module.forward_head(tokens), len(tokens))


@lru_cache(64)
def places_of(size: tuple[int, ...], strides: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Return for each token of a map (rows, cols) where it stands after it was unrolled by these strides.

    Each unrolling takes the tokens apart by their row and column within squares of the strides, squares first.
    """
    import torch

    numbers = torch.arange(size[0] * size[1]).view(1, *size)
    for down, right in strides:
        rows, cols = numbers.shape[1:]
        parts = numbers.view(-1, rows // down, down, cols // right, right)
        numbers = parts.permute(0, 2, 4, 1, 3).flatten(0, 2)
    return tuple(numbers.flatten().argsort().tolist())


@lru_cache(64)
def _units(above: tuple[int, ...], below: tuple[int, ...], windows: int) -> Place:
    """Return attention within units of tokens that stand `windows` places apart; `above` and `below`: how they stand.

    A pooled token stands where the first of its tokens did, and continues all of them in equal shares.
    """
    import torch

    from vitexplain.attention import Merging, Windows

    upper, lower = (torch.tensor(places).argsort() for places in (above, below))
    queries, keys = (numbers.view(-1, windows).T for numbers in (upper, lower))
    skip = None
    if len(upper) < len(lower):
        parts = torch.empty(len(upper), len(lower) // len(upper), dtype=torch.long)
        parts[upper] = lower.view(-1, len(upper)).T
        skip = Merging(parts, len(lower))
    return Windows(queries, keys, (len(upper), len(lower)), skip=skip)
