"""transformers' BEiT: relative positions, one size of pixels; reads the mean of the patches, or the class token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.transformers_vit import TransformersVit
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransformersBeit(TransformersVit):
    """A ViT whose attention has a bias of relative positions, read through its pooler."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.beit.modeling_beit.{name}" for name in ("BeitModel", "BeitForImageClassification")
    )
    before: ClassVar[tuple[str, ...]] = ("embeddings.", "shared_position_bias.", "encoder.relative_position_bias.")
    towers: ClassVar[tuple[str, ...]] = ("beit",)
    interpolates: ClassVar[bool] = False
    transform: ClassVar[Mapping[str, Any]] = {**TransformersVit.transform, "interpolation": "bicubic"}

    @property
    def readout(self) -> Readout:
        """The mean of the patches or the class token; without pooler the class token."""
        return "mean" if self.config.use_mean_pooling and self.tower.pooler is not None else "cls"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        tokens = self.tower.layernorm(tokens)
        pooler = self.tower.pooler
        return self.classified(tokens[:, 0] if pooler is None else pooler(tokens))
