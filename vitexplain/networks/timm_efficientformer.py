"""timm's EfficientFormer: plain attention at the end of the last stage, above pools and convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_late import TimmTokenMixers
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TimmEfficientFormer(TimmTokenMixers):
    """Blocks of attention over rows of 7 x 7 tokens, 32 pixels apart; two classifiers, whose mean is the output."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.efficientformer.EfficientFormer",)
    timm_modules: ClassVar[tuple[str, ...]] = ("efficientformer",)

    @property
    def pixels(self) -> Pixels:
        """The one size that the relative positions are for."""
        first: Any = self.attention_of(self.blocks[0])
        side = self.stride * round(first.attention_biases.size(1) ** 0.5)
        return Pixels((side, side), (self.stride, self.stride), False)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding, which lays the map out in one row, returned: (B, P, D)."""
        return embeddings

    @property
    def classes(self) -> int:
        """Number of classes of the classifiers that timm built; 0: there are none, or others in their place."""
        said = int(self.module.num_classes or 0)
        return said if getattr(self.module.head, "out_features", None) == said else 0

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.global_pool != "avg":
            raise refuse(self.module, f"it pools by {self.module.global_pool!r}, which is not a weighted sum of tokens")
        return "mean"
