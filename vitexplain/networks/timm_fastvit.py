"""timm's FastViT with attention in its upper stages: sa, ma and the image towers of MobileCLIP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import after_steps, convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_late import TimmTokenMixers

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place
    from vitexplain.tokens import TokenGrid

_LAST = "final_conv"


@dataclass(frozen=True, eq=False)
class TimmFastVit(TimmTokenMixers):
    """Blocks of plain attention, whose MLPs' convolutions mix neighbours besides; a convolution at the end."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.fastvit.FastVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("fastvit",)
    undescribed: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("fastvit_t*", "fastvit_s12"), "it is a convolutional network: it has no attention"
    )

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        if self.module.fork_feat or not hasattr(self.module.final_conv, "conv_kxk"):
            raise refuse(self.module, "it returns features without FastViT's last convolution")
        blocks = [name for name in self.blocks if ".blocks." in name]
        if any(self.attention_of(name) is None for name in blocks):
            raise refuse(self.module, "stages without attention follow one with it")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the stem, the convolutions and the blocks, as they follow each other."""
        return (*super().parts, _LAST)

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the stride of the tokens; no size of its own."""
        return Pixels(None, (self.stride, self.stride), True)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: between all tokens, under a kernel, or in merged tokens."""
        from vitexplain.attention import Convolved

        below, name = levels[layer - 1], self.blocks[layer - 1]
        part: Any = self.module.get_submodule(name)
        if name == _LAST:  # without a shortcut
            return convolved(below, int(part.kernel_size), 1, int(part.kernel_size) // 2)
        if self.halves(name):
            kernel = int(part.proj[0].kernel_size)
            return convolved(below, kernel, int(part.proj[0].stride), kernel // 2)
        if self.attention_of(name) is not None:
            return super().place(layer, levels)
        side = int(part.spatial_shape[0])
        return Convolved(after_steps(below, ((side, 1, side // 2),)))

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels first."""
        return "BDHW"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last convolution."""
        return self.output(self.module.forward_head(tokens), len(tokens))
