"""timm's MaxViT, CoAtNet and their relatives: convolutions, and attention in windows near and spread, in stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import after_steps
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import shifted_windows, spread_windows
from vitexplain.networks.timm_late import TimmLate, step_of
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vitexplain.attention import Place

_PARALLEL = "its blocks attend in two ways side by side"


@dataclass(frozen=True, eq=False)
class TimmMaxxVit(TimmLate):
    """In MaxViT a convolution, near and spread windows in each block; in CoAtNet blocks of either kind.

    Squeeze-and-excitation multiplies channels by a gate that all tokens have a part in: gates are no edges.
    """

    handles: ClassVar[tuple[str, ...]] = ("timm.models.maxxvit.MaxxVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("maxxvit",)
    undescribed: ClassVar[Mapping[str, str]] = {"maxvit_*_pm_*": _PARALLEL}

    stem_stride: ClassVar[int] = 2

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        kinds = {type(block).__name__ for stage in self.module.stages for block in stage.blocks}
        if "ParallelMaxxVitBlock" in kinds:
            raise refuse(self.module, _PARALLEL)
        super().check()

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the stem, the convolution blocks and the attention blocks, as they follow each other."""
        found = ["stem"]
        for stage, module in self.module.stages.named_children():
            for number, block in module.blocks.named_children():
                name = f"stages.{stage}.blocks.{number}"
                inner = [part for part in ("conv", "attn_block", "attn_grid") if getattr(block, part, None) is not None]
                found += [f"{name}.{part}" for part in inner] or [name]
        return tuple(found)

    def attention_of(self, name: str) -> nn.Module | None:
        """Return the module in a part that attends, or None."""
        return getattr(self.module.get_submodule(name), "attn", None)

    def halves(self, name: str) -> bool:
        """Return whether a part makes half as many rows and columns of tokens."""
        return hasattr(getattr(self.module.get_submodule(name), "shortcut", None), "pool")

    @property
    def pixels(self) -> Pixels:
        """The one size that its windows and relative positions are for."""
        height, width = self.module.img_size
        return Pixels((int(height), int(width)), (self.stride, self.stride), False)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: in windows, between all tokens, merged or not, or under a kernel."""
        from vitexplain.attention import Convolved, PooledKeys

        below, name = levels[layer - 1], self.blocks[layer - 1]
        part: Any = self.module.get_submodule(name)
        pool = getattr(getattr(part, "shortcut", None), "pool", None)
        shortcut = None if pool is None else after_steps(below, (step_of(pool),))
        if hasattr(part, "partition_size"):
            rows, cols = map(int, part.partition_size)
            near = part.partition_block
            return shifted_windows(below, (rows, cols), (0, 0)) if near else spread_windows(below, (rows, cols))
        if self.attention_of(name) is not None:
            return super().place(layer, levels) if shortcut is None else PooledKeys(shortcut, merged=True)
        convolutions = [getattr(part, each, None) for each in ("conv1_1x1", "conv2_kxk", "conv_dw")]
        steps = [step_of(each) for each in (getattr(part.down, "pool", None), *convolutions) if each is not None]
        return Convolved(after_steps(below, tuple(steps)), shortcut)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels first; see `layout_at`."""
        return "BDHW"

    def layout_at(self, level: int) -> Layout:
        """Return the form of a level's tokens: most windows are cut from maps with channels last."""
        part = type(self.module.get_submodule(self.blocks[max(level, 1) - 1])).__name__
        return "BHWD" if part == "PartitionAttentionCl" else "BDHW"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last block."""
        last_first = self.layout_at(len(self.blocks)) == "BHWD"
        return super().classify(tokens.permute(0, 3, 1, 2) if last_first else tokens)
