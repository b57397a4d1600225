"""timm's CAFormer, of its MetaFormers the one with attention: plain in the upper two stages, convolutions below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_late import TimmTokenMixers, step_of

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place
    from vitexplain.tokens import TokenGrid

_NONE = "it has no attention"


@dataclass(frozen=True, eq=False)
class TimmMetaFormer(TimmTokenMixers):
    """Rows of tokens within stages of attention, maps between the stages, where a convolution merges the tokens."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.metaformer.MetaFormer",)
    timm_modules: ClassVar[tuple[str, ...]] = ("metaformer",)
    undescribed: ClassVar[Mapping[str, str]] = {"poolformer*": _NONE, "convformer*": _NONE}

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        if any(self.attention_of(name) is None and not self.halves(name) for name in self.blocks):
            raise refuse(self.module, "convolutions follow attention in it, unlike in CAFormer")

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the stride of the tokens; no size of its own."""
        return Pixels(None, (self.stride, self.stride), True)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: between all tokens, or in those merged by a convolution."""
        part: Any = self.module.get_submodule(self.blocks[layer - 1])
        if not hasattr(part, "conv"):
            return super().place(layer, levels)
        kernel, stride, padding = step_of(part.conv)
        return convolved(levels[layer - 1], kernel, stride, int(padding or 0))

    @property
    def layout(self) -> Layout:
        """Rows of tokens; see `layout_at`."""
        return "BND"

    def layout_at(self, level: int) -> Layout:
        """Return the form of a level's tokens: maps above the convolutions between stages."""
        return "BDHW" if self.halves(self.blocks[max(level, 1) - 1]) else "BND"

    @property
    def classes(self) -> int:
        """Number of classes of the classifier that timm built; 0: there is none, or another in its place."""
        said, last = int(self.module.num_classes or 0), self.module.get_classifier()
        return said if getattr(getattr(last, "fc2", last), "out_features", None) == said else 0

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) as they leave the last block."""
        return self.output(self.module.forward_head(tokens.mT[..., None]), len(tokens))
