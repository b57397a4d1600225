"""timm's distilled DeiT: two tokens are read, the class and the distillation token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vitexplain.networks.timm_vit import TimmVit
from vitexplain.tokens import Readout


@dataclass(frozen=True, eq=False)
class TimmDistilled(TimmVit):
    """A DeiT whose output is the mean of two classifiers, one a token."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.deit.VisionTransformerDistilled",)
    timm_modules: ClassVar[tuple[str, ...]] = ("deit",)
    undescribed: ClassVar[Mapping[str, str]] = {}

    @property
    def readout(self) -> Readout:
        """The mean of both tokens."""
        return "distilled"
