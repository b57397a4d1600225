"""transformers' CLIP: its vision tower, alone, projected, inside the whole model, or under a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.transformers_vit import TransformersVit
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor

OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True, eq=False)
class TransformersClip(TransformersVit):
    """CLIP's tower reads the class token; a classifier on it the mean of the patches."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.clip.modeling_clip.CLIP{name}"
        for name in ("VisionModel", "VisionTransformer", "VisionModelWithProjection", "Model", "ForImageClassification")
    )
    towers: ClassVar[tuple[str, ...]] = ("vision_model",)
    patches: ClassVar[str] = "embeddings.patch_embedding"
    transform: ClassVar[Mapping[str, Any]] = {
        "mean": OPENAI[0],
        "std": OPENAI[1],
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
    }

    def run(self, pixels: Tensor, **options: Any) -> Any:
        """Return what the module returns, or, of a model of pictures and texts, the part that sees pictures."""
        whole = hasattr(self.module, "text_model")
        return self.module.get_image_features(pixels, **options) if whole else self.module(pixels, **options)

    @property
    def readout(self) -> Readout:
        """The class token; under a classifier the mean of the patches."""
        return "mean" if hasattr(self.module, "classifier") else "cls"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        if hasattr(self.module, "classifier"):
            return self.classified(tokens[:, 1:].mean(dim=1))
        outputs: Tensor = self.tower.post_layernorm(tokens[:, 0])
        projection = getattr(self.module, "visual_projection", None)
        return outputs if projection is None else projection(outputs)

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters above the layer, without the tower of the text."""
        found = super().parameters_above(layer)
        return frozenset(name for name in found if not name.startswith(("text_", "logit_")))
