"""transformers' SigLIP: its vision tower with an attention pool, inside the whole model, or under a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.refusals import refuse
from vitexplain.networks.transformers_clip import TransformersClip
from vitexplain.networks.transformers_vit import TransformersVit
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransformersSiglip(TransformersClip):
    """A ViT without class token, read by an attention pool; under a classifier by the mean of its patches."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.siglip.modeling_siglip.Siglip{name}"
        for name in ("VisionModel", "VisionTransformer", "Model", "ForImageClassification")
    )
    transform: ClassVar[Mapping[str, Any]] = {**TransformersVit.transform, "interpolation": "bicubic"}

    @property
    def prefix(self) -> int:
        """None."""
        return 0

    @property
    def readout(self) -> Readout:
        """An attention pool, or the mean of the patches."""
        if hasattr(self.module, "classifier"):
            return "mean"
        if not hasattr(self.tower, "head"):
            raise refuse(
                self.module, "it has neither an attention pool nor a classifier, so that nothing reads its tokens"
            )
        return "pool"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        tokens = self.tower.post_layernorm(tokens)
        if hasattr(self.module, "classifier"):
            return self.classified(tokens.mean(dim=1))
        outputs: Tensor = self.tower.head(tokens)
        return outputs
