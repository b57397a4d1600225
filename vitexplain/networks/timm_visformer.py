"""timm's Visformer: convolutions first, then plain attention over maps in two stages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_staged import TimmConvolved
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmVisformer(TimmConvolved):
    """The patches are those that the first, convolutional stage hands on, as in a hybrid."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.visformer.Visformer",)
    timm_modules: ClassVar[tuple[str, ...]] = ("visformer",)
    embedding: ClassVar[str] = "patch_embed2"

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        module: Any = self.module
        if module.patch_embed2 is None or module.pos_embed2 is None:
            raise refuse(module, "it has no stages, or no positions that tell its size")
        attending = [
            block.attn is not None and not block.mlp.spatial_conv for block in (*module.stage2, *module.stage3)
        ]
        if not all(attending) or any(block.attn is not None for block in module.stage1):
            raise refuse(module, "its stages mix attention and convolutions otherwise than Visformer's own")

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks of stages 2 and 3, and of the merging between them."""
        second, third = (len(list(self.module.get_submodule(stage))) for stage in ("stage2", "stage3"))
        names = [f"stage2.{number}" for number in range(second)]
        return (*names, "patch_embed3", *(f"stage3.{number}" for number in range(third)))

    @property
    def pixels(self) -> Pixels:
        """The one size that the positions are for."""
        rows, cols = self.module.pos_embed2.shape[-2:]
        side = 8 * int(self.module.patch_embed2.proj.stride[0])
        return Pixels((int(rows) * side, int(cols) * side), (side, side), False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L."""
        below = self.first_grid(height, width)
        side = int(self.module.patch_embed3.proj.stride[0])
        above = TokenGrid(0, below.rows // side, below.cols // side, class_token=False)
        merging = self.blocks.index("patch_embed3")
        return (below,) * (merging + 1) + (above,) * (len(self.blocks) - merging)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: everywhere, or in merged squares of patches."""
        if self.blocks[layer - 1] == "patch_embed3":
            side = int(self.module.patch_embed3.proj.stride[0])
            return convolved(levels[layer - 1], side, side)
        return super().place(layer, levels)

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self.module.stage2[0].attn.num_heads)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels first."""
        return "BDHW"

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.global_pool.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"
