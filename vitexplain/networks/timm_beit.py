"""timm's BEiT and BEiT v2: relative positions, one size of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vitexplain.networks.timm_vit import TimmVit, token_or_mean
from vitexplain.tokens import Readout


@dataclass(frozen=True, eq=False)
class TimmBeit(TimmVit):
    """A ViT whose attention has a bias of relative positions, for the size it was built for."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.beit.Beit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("beit",)
    undescribed: ClassVar[Mapping[str, str]] = {}
    plain_blocks: ClassVar[frozenset[str]] = frozenset(("timm.models.beit.Block",))

    @property
    def _flexible(self) -> bool:
        return False

    @property
    def readout(self) -> Readout:
        """The class token or the mean of the patches."""
        return token_or_mean(self.module)
