"""transformers' SigLIP 2 (NaFlex): its vision tower takes pictures of any shape, cut into patches beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import pair
from vitexplain.networks.transformers_siglip import TransformersSiglip
from vitexplain.networks.transformers_vit import TransformersVit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransformersSiglip2(TransformersSiglip):
    """SigLIP with patches as a list beside their numbers of rows and columns."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.siglip2.modeling_siglip2.Siglip2{name}"
        for name in ("VisionModel", "VisionTransformer", "Model", "ForImageClassification")
    )
    interpolates: ClassVar[bool] = False
    transform: ClassVar[Mapping[str, Any]] = TransformersVit.transform

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch; as many patches as were trained with, as a square, where nothing else is said."""
        patch = pair(self.config.patch_size)
        side = math.isqrt(int(self.config.num_patches))
        return Pixels((side * patch[0], side * patch[1]), patch, True)

    def run(self, pixels: Tensor, **options: Any) -> Any:
        """Return what the module returns for the patches of pixels (B, 3, H, W)."""
        (height, width), (patch_height, patch_width) = pixels.shape[-2:], self.pixels.patch
        rows, cols = height // patch_height, width // patch_width
        squares = pixels[..., : rows * patch_height, : cols * patch_width].reshape(
            len(pixels), 3, rows, patch_height, cols, patch_width
        )
        patches = squares.permute(0, 2, 4, 3, 5, 1).reshape(len(pixels), rows * cols, -1)
        shapes = pixels.new_tensor([[rows, cols]] * len(pixels)).long()
        # Without a mask: no patch is padding.
        return super().run(patches, pixel_attention_mask=None, spatial_shapes=shapes, **options)
