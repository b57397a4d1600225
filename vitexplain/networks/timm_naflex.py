"""timm's NaFlexVit, fed with whole pictures: plain attention, whose patches may be embedded by a linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import by_token
from vitexplain.networks.network import Pixels
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_eva import TimmEva
from vitexplain.networks.timm_vit import TimmVit
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TimmNaFlex(TimmVit):
    """A ViT whose prefix tokens and positions are added by `embeds`; positions are interpolated to every size."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.naflexvit.NaFlexVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("naflexvit",)
    undescribed: ClassVar[Mapping[str, str]] = {}
    plain_blocks: ClassVar[frozenset[str]] = TimmVit.plain_blocks | TimmEva.plain_blocks
    embedding: ClassVar[str] = "embeds.proj"

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch; the size of its training, if it says one."""
        size = self.configuration.get("input_size")
        rows, cols = self.module.embeds.patch_size
        built_for = None if size is None else (int(size[1]), int(size[2]))
        return Pixels(built_for, (int(rows), int(cols)), True)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L, all the same; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        embeds: Any = self.module.embeds
        grid = TokenGrid(int(self.module.num_prefix_tokens), rows, cols, embeds.cls_token is not None)
        return (grid,) * (len(self.blocks) + 1)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned, rows of patches or a map, as (B, P, D)."""
        return by_token(embeddings, "BDHW" if embeddings.ndim == 4 else "BND")

    @property
    def overlapping(self) -> bool:
        """No: a patch sees its own pixels only."""
        return False
