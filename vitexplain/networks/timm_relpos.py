"""timm's ViTs with relative positions only, and no class token unless they were built with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.networks.timm_beit import TimmBeit


@dataclass(frozen=True, eq=False)
class TimmRelPos(TimmBeit):
    """A ViT with a bias of relative positions in every block, for the size it was built for."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.vision_transformer_relpos.VisionTransformerRelPos",)
    timm_modules: ClassVar[tuple[str, ...]] = ("vision_transformer_relpos",)
    plain_blocks: ClassVar[frozenset[str]] = frozenset(
        f"timm.models.vision_transformer_relpos.{name}" for name in ("RelPosBlock", "ResPostRelPosBlock")
    )
