"""transformers' DeiT: a class and a distillation token; one classifier, or one a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.plain_vit import outputs_of
from vitexplain.networks.transformers_vit import TransformersVit
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor

_TEACHER = "distillation_classifier"


@dataclass(frozen=True, eq=False)
class TransformersDeit(TransformersVit):
    """A DeiT whose output is that of the class token, or the mean of two classifiers, one a token."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.deit.modeling_deit.{name}"
        for name in ("DeiTModel", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher")
    )
    towers: ClassVar[tuple[str, ...]] = ("deit",)
    transform: ClassVar[Mapping[str, Any]] = {
        **TransformersVit.transform,
        "interpolation": "bicubic",
        "crop_pct": 0.875,
    }

    @property
    def prefix(self) -> int:
        """The class and the distillation token."""
        return 2

    @property
    def readout(self) -> Readout:
        """The mean of both tokens where each has a classifier, else the class token."""
        return "distilled" if hasattr(self.module, _TEACHER) else "cls"

    @property
    def classes(self) -> int:
        """Number of outputs of the classifiers; 0: there is none."""
        if hasattr(self.module, _TEACHER):
            return outputs_of(self.module.cls_classifier)
        return super().classes

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        if not hasattr(self.module, _TEACHER):
            return super().classify(tokens)
        tokens = self.tower.layernorm(tokens)
        module = self.module
        logits: Tensor = module.cls_classifier(tokens[:, 0]) + module.distillation_classifier(tokens[:, 1])
        return logits / 2
