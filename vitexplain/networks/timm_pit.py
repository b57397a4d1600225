"""timm's PiT: plain blocks in three stages, between which a convolution merges the patches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.merged_patches import convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_staged import TimmConvolved
from vitexplain.networks.timm_vit import token_or_mean
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmPit(TimmConvolved):
    """A class token (two, distilled) goes through all stages; its patches overlap, and are placed by their stride."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.pit.PoolingVisionTransformer",)
    timm_modules: ClassVar[tuple[str, ...]] = ("pit",)

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, and of the norms between stages, after which merged tokens stand in one row."""
        found = []
        for name, stage in self.module.transformers.named_children():
            found += [f"transformers.{name}.norm"] if stage.pool is not None else []
            found += [f"transformers.{name}.blocks.{number}" for number, _ in stage.blocks.named_children()]
        return tuple(found)

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes; patches are as far apart as their stride."""
        embed = self.module.patch_embed
        (height, width), (down, right) = embed.img_size, embed.conv.stride
        return Pixels((int(height), int(width)), (int(down), int(right)), False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L."""
        require_size(self.pixels, height, width)
        rows, cols = self.module.patch_embed.grid_size
        grids = [TokenGrid(int(self.module.num_tokens), int(rows), int(cols))]
        for name in self.blocks:
            below = grids[-1]
            merged = TokenGrid(below.prefix, (below.rows - 1) // 2 + 1, (below.cols - 1) // 2 + 1)
            grids.append(merged if name.endswith(".norm") else below)
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: everywhere, or in patches merged by a convolution of 3 x 3, every second one."""
        if self.blocks[layer - 1].endswith(".norm"):
            return convolved(levels[layer - 1], 3, 2, 1)
        return super().place(layer, levels)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        stages: list[Any] = list(self.module.transformers)
        return min(int(stage.blocks[0].attn.num_heads) for stage in stages)

    @property
    def classes(self) -> int:
        """Number of classes of the classifier that timm built; 0: there is none, or another in its place."""
        said = int(self.module.num_classes or 0)
        return said if getattr(self.module.head, "out_features", None) == said else 0

    @property
    def readout(self) -> Readout:
        """The class token, or the mean of both tokens."""
        return "distilled" if self.module.head_dist is not None else token_or_mean(self.module)

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        read = self.module.norm(tokens[:, : self.module.num_tokens])
        return self.output(self.module.forward_head(read), len(tokens))
