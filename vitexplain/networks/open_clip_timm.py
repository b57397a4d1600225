"""open_clip's towers around a network of timm's (SigLIP, EVA-02, ViTamin ...)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.inner_vit import InnerVit
from vitexplain.networks.open_clip_vit import prepared_for

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class OpenClipTimm(InnerVit):
    """timm's network, then open_clip's projection; the output is an embedding."""

    handles: ClassVar[tuple[str, ...]] = ("open_clip.timm_model.TimmModel",)
    path: ClassVar[str] = "trunk"

    def after(self, outputs: Tensor) -> Tensor:
        """Return the embedding for what the trunk returns."""
        embedding: Tensor = self.module.head(outputs)
        return embedding

    @property
    def classes(self) -> int:
        """None: the output is an embedding."""
        return 0

    @property
    def configuration(self) -> Mapping[str, Any]:
        """timm's configuration, without classes; pictures are prepared as open_clip keeps it with the tower."""
        kept = prepared_for(self.module) if hasattr(self.module, "preprocess_cfg") else {}
        return {**self.inner.configuration, **kept, "num_classes": 0, "label_names": None}

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of what follows them."""
        head = (f"head.{name}" for name, _ in self.module.head.named_parameters())
        return super().parameters_above(layer) | frozenset(head)
