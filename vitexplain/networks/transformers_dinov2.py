"""transformers' DINOv2, with registers and without: any size of pixels; its classifier reads two things at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import pair
from vitexplain.networks.transformers_vit import IMAGENET, TransformersVit
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor

_PLAIN = "transformers.models.dinov2.modeling_dinov2.Dinov2"
_REGISTERS = "transformers.models.dinov2_with_registers.modeling_dinov2_with_registers.Dinov2WithRegisters"


@dataclass(frozen=True, eq=False)
class TransformersDinov2(TransformersVit):
    """A ViT with interpolated positions whose classifier reads the class token beside the mean of the patches."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"{prefix}{name}" for prefix in (_PLAIN, _REGISTERS) for name in ("Model", "ForImageClassification")
    )
    towers: ClassVar[tuple[str, ...]] = ("dinov2", "dinov2_with_registers")
    interpolates: ClassVar[bool] = False
    transform: ClassVar[Mapping[str, Any]] = {
        "mean": IMAGENET[0],
        "std": IMAGENET[1],
        "interpolation": "bicubic",
        "crop_pct": 0.875,
        "crop_mode": "center",
    }

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch."""
        return Pixels(None, pair(self.config.patch_size), True)

    @property
    def prefix(self) -> int:
        """The class token and the registers."""
        return 1 + int(getattr(self.config, "num_register_tokens", 0))

    @property
    def readout(self) -> Readout:
        """The class token and the mean of the patches side by side; the class token where there is no classifier."""
        return "cls-mean" if hasattr(self.module, "classifier") else "cls"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        import torch

        tokens = self.tower.layernorm(tokens)
        if not hasattr(self.module, "classifier"):
            return tokens[:, 0]
        return self.classified(torch.cat((tokens[:, 0], tokens[:, self.prefix :].mean(dim=1)), dim=1))
