"""timm's PVT v2: tokens read pooled keys, and a convolution merges the patches between stages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import UsageError
from vitexplain.networks.merged_patches import convolved, pooled_to
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmPvt(TimmStaged):
    """Stages of blocks over rows of tokens; the MLPs' convolutions mix neighbours, which the graph has no edge for."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.pvt_v2.PyramidVisionTransformerV2",)
    timm_modules: ClassVar[tuple[str, ...]] = ("pvt_v2",)

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the mergings and the blocks, as they follow each other."""
        found = []
        for name, stage in self.module.stages.named_children():
            found += [f"stages.{name}.downsample"] if stage.downsample is not None else []
            found += [f"stages.{name}.blocks.{number}" for number, _ in stage.blocks.named_children()]
        return tuple(found)

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patches' stride; no size of its own."""
        down, right = self.module.patch_embed.proj.stride
        return Pixels(None, (int(down), int(right)), True)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that pooled keys leave patches over of.

        The convolutions of the MLPs would carry these into keys that they are no part of.
        """
        levels = super().levels(height, width)
        parts = [stage.blocks[0].attn.sr for stage in self.module.stages]
        sides = [2**number * int(part.stride[0]) for number, part in enumerate(parts) if part and part.stride[0] > 1]
        whole = math.lcm(*sides)
        if levels[0].rows % whole or levels[0].cols % whole:
            side = whole * self.pixels.patch[0]
            raise UsageError(f"pixels of {height} x {width}: this model takes multiples of {side} x {side}")
        return levels

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: everywhere, to pooled keys, or in patches merged by a convolution."""
        below, part = levels[layer - 1], self.module.get_submodule(self.blocks[layer - 1])
        if hasattr(part, "proj"):
            return convolved(below, int(part.proj.kernel_size[0]), int(part.proj.stride[0]), int(part.proj.padding[0]))
        from vitexplain.attention import PooledKeys

        if part.attn.pool is not None:
            return PooledKeys(pooled_to(below, int(part.attn.pool.output_size)))
        if part.attn.sr is not None:
            side = int(part.attn.sr.stride[0])
            return PooledKeys(convolved(below, side, side))
        return super().place(layer, levels)

    @property
    def overlapping(self) -> bool:
        """Yes: a patch is larger than its stride."""
        return True

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        stages: list[Any] = list(self.module.stages)
        return min(int(stage.blocks[0].attn.num_heads) for stage in stages)

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.global_pool != "avg":
            raise refuse(self.module, f"it pools by {self.module.global_pool!r}, which is not a weighted sum of tokens")
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        read = self.module.stages[-1].norm(tokens).mean(1)
        return self.output(self.module.head(self.module.head_drop(read)), len(tokens))
