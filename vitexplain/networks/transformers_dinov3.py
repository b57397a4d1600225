"""transformers' DINOv3 ViT: rotary positions, registers, any size of pixels; no classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.transformers_dinov2 import TransformersDinov2
from vitexplain.networks.transformers_vit import IMAGENET

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransformersDinov3(TransformersDinov2):
    """A ViT with rotary positions, whose pooled output is its class token."""

    handles: ClassVar[tuple[str, ...]] = ("transformers.models.dinov3_vit.modeling_dinov3_vit.DINOv3ViTModel",)
    towers: ClassVar[tuple[str, ...]] = ()
    transform: ClassVar[Mapping[str, Any]] = {
        "mean": IMAGENET[0],
        "std": IMAGENET[1],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
    }

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        outputs: Tensor = self.tower.norm(tokens[:, 0])
        return outputs
