"""timm's HieraDet, SAM 2's image encoder: attention within windows or everywhere; queries pooled between stages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import pair
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import halved, merged_squares, shifted_windows
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmHieraDet(TimmStaged):
    """Blocks over maps of patches; the first of a stage pools 2 x 2 queries, and the tokens that they continue."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.hieradet_sam2.HieraDet",)
    timm_modules: ClassVar[tuple[str, ...]] = ("hieradet_sam2",)

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        for block in self.module.blocks:
            if block.q_stride is not None and (tuple(block.q_stride) != (2, 2) or block.dim == block.dim_out):
                raise refuse(self.module, "its queries are pooled otherwise than by 2 x 2 at the start of a stage")
            if block.q_stride is not None and any(side % 2 for side in block.window_size):
                raise refuse(self.module, "its pooled windows have an odd number of rows or columns")
        height, width = self.pixels.built_for or (0, 0)
        grid = self.levels(height, width)[0]
        pooled = 2 ** sum(block.q_stride is not None for block in self.module.blocks)
        if grid.rows % pooled or grid.cols % pooled:
            raise refuse(self.module, f"{grid.rows} x {grid.cols} patches cannot be halved between all of its stages")

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(f"blocks.{name}" for name, _ in self.module.blocks.named_children())

    @property
    def pixels(self) -> Pixels:
        """The size that timm names for the network."""
        size = self.configuration.get("input_size")
        if size is None:
            raise refuse(self.module, "it says no size of its pictures")
        return Pixels((int(size[1]), int(size[2])), pair(self.module.patch_embed.proj.stride), False)

    @property
    def overlapping(self) -> bool:
        """Yes: a patch sees pixels of its neighbours, too."""
        return True

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        grids = [TokenGrid(0, rows, cols, class_token=False)]
        for block in self.module.blocks:
            grids.append(grids[-1] if block.q_stride is None else halved(grids[-1]))
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the windows of a block, or one of all tokens."""
        block: Any = self.module.get_submodule(self.blocks[layer - 1])
        below = levels[layer - 1]
        window = pair(block.window_size) if block.is_windowed else (below.rows, below.cols)
        return shifted_windows(below, window, (0, 0)) if block.q_stride is None else _pooled_windows(below, window)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        return min(int(block.attn.num_heads) for block in self.module.blocks)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels last."""
        return "BHWD"

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.head.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last block."""
        return self.output(self.module.forward_head(tokens), len(tokens))


@lru_cache(64)
def _pooled_windows(below: TokenGrid, window: tuple[int, int]) -> Place:
    """Return windows in which each square of 2 x 2 tokens has one query, and is continued by one token above."""
    from vitexplain.attention import Windows

    above = halved(below)
    queries = shifted_windows(above, (window[0] // 2, window[1] // 2), (0, 0)).queries
    keys = shifted_windows(below, window, (0, 0)).keys
    return Windows(queries, keys, (above.patches, below.patches), skip=merged_squares(below))
