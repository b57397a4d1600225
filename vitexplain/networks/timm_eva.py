"""timm's Eva: EVA-02, DINOv3, PE and ViTs with rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vitexplain.networks.timm_vit import TimmVit, pool_readout, token_or_mean
from vitexplain.tokens import Readout


@dataclass(frozen=True, eq=False)
class TimmEva(TimmVit):
    """A ViT with rotary positions, gates in its MLP, or both."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.eva.Eva",)
    timm_modules: ClassVar[tuple[str, ...]] = ("eva",)
    undescribed: ClassVar[Mapping[str, str]] = {}
    plain_blocks: ClassVar[frozenset[str]] = frozenset(("timm.models.eva.EvaBlock", "timm.models.eva.EvaBlockPostNorm"))

    @property
    def readout(self) -> Readout:
        """An attention pool, the class token or the mean of the patches."""
        if getattr(self.module, "attn_pool", None) is not None:
            return pool_readout(self.module)
        return token_or_mean(self.module)
