"""timm's Twins: windows alternate with attention to keys pooled everywhere (svt), or all are pooled (pcpvt)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import UsageError
from vitexplain.networks.merged_patches import convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import shifted_windows
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmTwins(TimmStaged):
    """Stages of blocks over rows of tokens; Chu et al. 2021, "Twins", sections 3.1 and 3.2.

    The convolution that gives positions stands between the first and the second block of a stage. It is a part of the
    second one's layer, in which every token reads the whole picture in any case.
    """

    handles: ClassVar[tuple[str, ...]] = ("timm.models.twins.Twins",)
    timm_modules: ClassVar[tuple[str, ...]] = ("twins",)
    embedding: ClassVar[str] = "pos_drops.0"

    def check(self) -> None:
        """Raise ModelError for pictures that are not RGB, or a stage whose positions no block takes up."""
        channels = int(self.module.patch_embeds[0].proj.in_channels)
        if channels != 3:
            raise refuse(self.module, f"it takes pictures of {channels} channels instead of 3")
        if min(map(len, self._stages)) < 2:
            raise refuse(self.module, "a stage of it has one block only, after which a convolution mixes neighbours")

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, and of what follows the mergings, as they follow each other."""
        found = []
        for stage, blocks in self.module.blocks.named_children():
            found += [f"pos_drops.{stage}"] if stage != "0" else []
            found += [f"blocks.{stage}.{number}" for number, _ in blocks.named_children()]
        return tuple(found)

    @property
    def _stages(self) -> list[Any]:
        return list(self.module.blocks)

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch that the keys of every stage divide, see `levels`."""
        embed = self.module.patch_embeds[0]
        (height, width), (rows, cols) = embed.img_size, embed.patch_size
        return Pixels((int(height), int(width)), (int(rows), int(cols)), True)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that pooled keys or mergings leave patches over of.

        The convolution for positions would carry these into keys that they are no part of.
        """
        grids = [self.first_grid(height, width)]
        sides = [2**number * int(getattr(blocks[1].attn, "sr_ratio", 1)) for number, blocks in enumerate(self._stages)]
        whole = math.lcm(*sides, 2 ** (len(sides) - 1))
        if grids[0].rows % whole or grids[0].cols % whole:
            side = whole * self.pixels.patch[0]
            raise UsageError(f"pixels of {height} x {width}: this model takes multiples of {side} x {side}")
        for name in self.blocks:
            below = grids[-1]
            fewer = TokenGrid(0, below.rows // 2, below.cols // 2, class_token=False)
            grids.append(fewer if name.startswith("pos_drops.") else below)
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: in windows, to pooled keys, everywhere, or in merged squares."""
        from vitexplain.attention import PooledKeys

        below, name = levels[layer - 1], self.blocks[layer - 1]
        if name.startswith("pos_drops."):
            return convolved(below, 2, 2)
        attention: Any = self.module.get_submodule(f"{name}.attn")
        if hasattr(attention, "ws"):
            side = int(attention.ws)
            return shifted_windows(below, (side, side), (0, 0))
        if attention.sr is not None:
            side = int(attention.sr_ratio)
            return PooledKeys(convolved(below, side, side))
        return super().place(layer, levels)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        return min(int(blocks[0].attn.num_heads) for blocks in self._stages)

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.global_pool != "avg":
            raise refuse(self.module, f"it pools by {self.module.global_pool!r}, which is not a weighted sum of tokens")
        return "mean"

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        below = (self.embedding, *self.blocks[: layer - 1])
        embeds = [name.replace("pos_drops", "patch_embeds") for name in below]
        positions = [f"pos_block.{name.split('.')[1]}" for name in below if name.endswith(".1") and "blocks" in name]
        lower = tuple(f"{name}." for name in (*embeds, *positions))
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith(lower))
