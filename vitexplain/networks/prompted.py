"""A tower of CLIP's or SigLIP's with prompts as its classes: whatever library's the tower is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.inner_vit import InnerVit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prompted(InnerVit):
    """The tower is described by its own adapter; what comes after it is the comparison with the prompts."""

    handles: ClassVar[tuple[str, ...]] = ("vitexplain.networks.prompt_classifier.PromptClassifier",)
    path: ClassVar[str] = "tower"

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the logits (B, C)."""
        return self.after(self.inner(pixels))

    def embeds(self, outputs: int) -> bool:  # noqa: ARG002 - whatever their number
        """No: each output is a prompt's."""
        return False

    def after(self, outputs: Tensor) -> Tensor:
        """Return the logits for the tower's embedding."""
        logits: Tensor = self.module.compared(outputs)
        return logits

    @property
    def classes(self) -> int:
        """The number of prompts."""
        return int(self.module.classifier.out_features)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the library keeps about the tower."""
        return {**self.inner.configuration, "num_classes": self.classes, "label_names": None, "problem_type": None}

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of what follows them, the prompts' included."""
        names = (f"classifier.{name}" for name, _ in self.module.classifier.named_parameters())
        return super().parameters_above(layer) | frozenset(names)
