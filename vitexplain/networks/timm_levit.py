"""timm's LeViT: plain attention in three stages, between which fewer tokens read all of the stage below."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import merged_squares
from vitexplain.networks.timm_staged import TimmConvolved
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmLevit(TimmConvolved):
    """A convolutional stem, rows of tokens (maps in levit_conv), and the mean of the last stage."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.levit.Levit", "timm.models.levit.LevitDistilled")
    timm_modules: ClassVar[tuple[str, ...]] = ("levit",)
    embedding: ClassVar[str] = "stem"

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, and of those between stages, as they follow each other."""
        found = []
        for name, stage in self.module.stages.named_children():
            found += [f"stages.{name}.downsample"] if hasattr(stage.downsample, "attn_downsample") else []
            found += [f"stages.{name}.blocks.{number}" for number, _ in stage.blocks.named_children()]
        return tuple(found)

    @property
    def pixels(self) -> Pixels:
        """The one size that the relative positions are for."""
        first: Any = self.module.get_submodule(self.blocks[0])
        (rows, cols), side = first.attn.resolution, int(self.module.stem.stride)
        return Pixels((int(rows) * side, int(cols) * side), (side, side), False)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: everywhere, without a skip connection between stages."""
        if not self.blocks[layer - 1].endswith(".downsample"):
            return super().place(layer, levels)
        from vitexplain.attention import Replacing

        return Replacing(merged_squares(levels[layer - 1]))

    @property
    def heads(self) -> int:
        """Number of attention heads of the layer that has the fewest."""
        parts: list[Any] = [self.module.get_submodule(name) for name in self.blocks]
        return min(int((part.attn if hasattr(part, "attn") else part.attn_downsample).num_heads) for part in parts)

    @property
    def layout(self) -> Layout:
        """Rows of tokens, or maps with channels first."""
        return "BDHW" if self.module.use_conv else "BND"

    @property
    def classes(self) -> int:
        """Number of classes of the classifiers that timm built; 0: there are none, or others in their place."""
        said = int(self.module.num_classes or 0)
        linear = getattr(self.module.head, "linear", None)
        return said if getattr(linear, "out_features", None) == said else 0

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.global_pool != "avg":
            raise refuse(self.module, f"it pools by {self.module.global_pool!r}, which is not a weighted sum of tokens")
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        return self.output(self.module.forward_head(tokens), len(tokens))
