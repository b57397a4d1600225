"""torchvision's VisionTransformer: vit_b_16 and its siblings, one size of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import PlainVit, outputs_of
from vitexplain.networks.refusals import refuse
from vitexplain.networks.transformers_vit import IMAGENET
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TorchvisionVit(PlainVit):
    """A plain ViT around `nn.MultiheadAttention`, read at its class token."""

    handles: ClassVar[tuple[str, ...]] = ("torchvision.models.vision_transformer.VisionTransformer",)
    before: ClassVar[tuple[str, ...]] = ("conv_proj.", "class_token", "encoder.pos_embedding")
    embedding: ClassVar[str] = "conv_proj"

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        first: Any = next((part for part in self.module.conv_proj.modules() if hasattr(part, "in_channels")), None)
        if first is not None and first.in_channels != 3:
            raise refuse(self.module, f"it takes pictures of {first.in_channels} channels instead of 3")

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes."""
        side, patch = int(self.module.image_size), int(self.module.patch_size)
        return Pixels((side, side), (patch, patch), False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(f"encoder.layers.{name}" for name, _ in self.module.encoder.layers.named_children())

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(next(iter(self.module.encoder.layers)).num_heads)

    @property
    def readout(self) -> Readout:
        """The class token."""
        return "cls"

    @property
    def overlapping(self) -> bool:
        """Whether a convolutional stem comes before the patches, so that each of them sees its neighbours."""
        return not hasattr(self.module.conv_proj, "kernel_size")

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier; 0: there is none."""
        return outputs_of(self.module.heads)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The transform that torchvision evaluates its first weights with, at the network's size.

        torchvision reduces to 256 pixels before it crops 224; a network for other pictures is shown all of them. What
        is kept as `pretrained_cfg` on the module takes precedence.
        """
        side = int(self.module.image_size)
        return {
            "architecture": "torchvision VisionTransformer",
            "input_size": (3, side, side),
            "mean": IMAGENET[0],
            "std": IMAGENET[1],
            **({"interpolation": "bilinear", "crop_pct": 224 / 256} if side == 224 else {}),
            **({"interpolation": "bicubic", "crop_pct": 1.0} if side != 224 else {}),
            "crop_mode": "center",
            "num_classes": self.classes,
            **(getattr(self.module, "pretrained_cfg", None) or {}),
        }

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        outputs: Tensor = self.module.heads(self.module.encoder.ln(tokens)[:, 0])
        return outputs
