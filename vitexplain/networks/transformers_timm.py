"""transformers' TimmWrapper: a network of timm's, trained and saved by transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.inner_vit import InnerVit
from vitexplain.networks.plain_vit import are_placeholders
from vitexplain.networks.refusals import refuse

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransformersTimm(InnerVit):
    """The network of timm's inside; its logits, or its pooled features."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.timm_wrapper.modeling_timm_wrapper.TimmWrapper{name}"
        for name in ("Model", "ForImageClassification")
    )
    path: ClassVar[str] = "timm_model"

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the outputs (B, C)."""
        return self.output(self.module(pixels, return_dict=True), len(pixels))

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        config = self.module.config
        if not hasattr(self.module, "num_labels") and not getattr(config, "do_pooling", True):
            raise refuse(
                self.module, "it returns its tokens as they are (do_pooling=False), so that nothing reads them"
            )

    @property
    def configuration(self) -> Mapping[str, Any]:
        """timm's configuration, with the names of classes that transformers keeps."""
        config = self.module.config
        saved = getattr(config, "pretrained_cfg", None) or {}
        names = getattr(config, "id2label", None) or {}
        return {
            **self.inner.configuration,
            **{key: value for key, value in saved.items() if value is not None and key in _TRANSFORM},
            "label_names": dict(names) if self.classes and not are_placeholders(names) else None,
            "problem_type": getattr(config, "problem_type", None),
        }


_TRANSFORM = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")
