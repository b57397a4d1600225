"""open_clip's whole models of pictures and texts: what they make of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitexplain.networks.inner_vit import InnerVit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class OpenClipModel(InnerVit):
    """The tower that sees pictures; the output is its embedding, before it is normalised."""

    handles: ClassVar[tuple[str, ...]] = tuple(f"open_clip.model.{name}" for name in ("CLIP", "CustomTextCLIP"))
    path: ClassVar[str] = "visual"

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the embedding (B, C)."""
        return self.output(self.module.encode_image(pixels), len(pixels))
