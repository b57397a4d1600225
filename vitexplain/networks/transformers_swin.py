"""transformers' Swin and Swin v2: attention in shifted windows, patches merged at the end of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import UsageError
from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import pair
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import halved, merged_squares, shifted_windows
from vitexplain.networks.transformers_vit import IMAGENET, TransformersVit
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TransformersSwin(TransformersVit):
    """Stages of blocks; each but the last ends with a merging of squares of 2 x 2 patches. The mean is classified."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.{module}.modeling_{module}.{prefix}{name}"
        for module, prefix in (("swin", "Swin"), ("swinv2", "Swinv2"))
        for name in ("Model", "ForImageClassification")
    )
    before: ClassVar[tuple[str, ...]] = ("embeddings.",)
    towers: ClassVar[tuple[str, ...]] = ("swin", "swinv2")
    patches: ClassVar[str] = "embeddings"
    transform: ClassVar[Mapping[str, Any]] = {
        **TransformersVit.transform,
        "mean": IMAGENET[0],
        "std": IMAGENET[1],
        "interpolation": "bicubic",
    }

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the blocks and the mergings in the tower, as they follow each other."""
        found = []
        for number, stage in enumerate(self.tower.encoder.layers):
            name = f"encoder.layers.{number}"
            found += [f"{name}.blocks.{block}" for block in range(len(stage.blocks))]
            found += [] if stage.downsample is None else [f"{name}.downsample"]
        return tuple(found)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the network does not take."""
        grids = [super().levels(height, width)[0]]
        for name in self.blocks:
            grids.append(halved(grids[-1]) if name.endswith(".downsample") else grids[-1])
        for grid, name in zip(grids, self.blocks, strict=False):
            side = self._fewest(name)
            if min(grid.rows, grid.cols) < side:
                raise UsageError(
                    f"pixels of {height} x {width}: {grid.rows} x {grid.cols} tokens reach a layer with windows of "
                    f"{side} x {side}: use larger pixels, such as the model's own size"
                )
        return tuple(grids)

    def _fewest(self, name: str) -> int:
        """Return how many rows and columns a block needs: Swin's biases are those of whole windows, v2's of any."""
        bias = getattr(getattr(self.module.get_submodule(name), "attention", None), "relative_position_bias", None)
        return 1 if bias is None else int(bias.window_size[0])

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the windows of a block, or the squares of a merging."""
        below, name = levels[layer - 1], self.blocks[layer - 1]
        if name.endswith(".downsample"):
            return merged_squares(below)
        block: Any = self.module.get_submodule(name)
        side, shift = int(block.window_size), int(block.shift_size)
        if hasattr(block, "set_shift_and_window_size") and min(below.rows, below.cols) <= side:
            shift = 0
        return shifted_windows(below, (side, side), (shift, shift), padded_first=True)

    @property
    def prefix(self) -> int:
        """None: patches alone."""
        return 0

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes."""
        size = super().pixels
        return Pixels(size.built_for, pair(self.config.patch_size), size.flexible)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        return int(min(self.config.num_heads))

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.tower.pooler is None:
            raise refuse(self.module, "it has no pooler, so that nothing reads its tokens")
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave the last block."""
        return self.classified(self.tower.pooler(self.tower.layernorm(tokens).mT).flatten(1))
