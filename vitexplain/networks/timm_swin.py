"""timm's Swin transformers: swin, swinv2 and swinv2_cr; attention in shifted windows, patches merged between stages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout, by_token
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import merged_squares, shifted_windows
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmSwin(TimmStaged):
    """Stages of blocks over maps of patches; each stage but the first begins by merging squares of 2 x 2 patches."""

    handles: ClassVar[tuple[str, ...]] = (
        "timm.models.swin_transformer.SwinTransformer",
        "timm.models.swin_transformer_v2.SwinTransformerV2",
    )
    timm_modules: ClassVar[tuple[str, ...]] = ("swin_transformer", "swin_transformer_v2")

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        for name in self._attending:
            block: Any = self.module.get_submodule(name)
            if not hasattr(block, "window_size") or not hasattr(block, "shift_size"):
                raise refuse(self.module, f"its blocks ({type(block).__name__}) say no windows")

    stages: ClassVar[str] = "layers"
    """Name of the module that holds the stages."""

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the mergings and the blocks, as they follow each other."""
        found = []
        for number, module in self.module.get_submodule(self.stages).named_children():
            stage = f"{self.stages}.{number}"
            found += [f"{stage}.downsample"] if hasattr(module.downsample, "reduction") else []
            found += [f"{stage}.blocks.{name}" for name, _ in module.blocks.named_children()]
        return tuple(found)

    @property
    def _attending(self) -> tuple[str, ...]:
        return tuple(name for name in self.blocks if not name.endswith(".downsample"))

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the windows of a block, or the squares of a merging."""
        below, name = levels[layer - 1], self.blocks[layer - 1]
        if name.endswith(".downsample"):
            return merged_squares(below)
        block: Any = self.module.get_submodule(name)
        (height, width), (down, right) = block.window_size, block.shift_size
        return shifted_windows(below, (int(height), int(width)), (int(down), int(right)))

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        blocks: list[Any] = [self.module.get_submodule(name) for name in self._attending]
        return min(int(block.attn.num_heads) for block in blocks)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels last."""
        return "BHWD"

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.head.global_pool.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"


@dataclass(frozen=True, eq=False)
class TimmSwinCr(TimmSwin):
    """swinv2_cr, whose stages hand each other maps with channels first."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.swin_transformer_v2_cr.SwinTransformerV2Cr",)
    timm_modules: ClassVar[tuple[str, ...]] = ("swin_transformer_v2_cr",)
    stages: ClassVar[str] = "stages"

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return by_token(embeddings, "BDHW")

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last block."""
        return self.output(self.module.forward_head(tokens.permute(0, 3, 1, 2)), len(tokens))
