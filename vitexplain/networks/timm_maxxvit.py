"""timm's MaxViT, CoAtNet and their relatives: convolutions, and attention in windows near and spread, in stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import Step, after_steps
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import shifted_windows, spread_windows
from vitexplain.networks.timm_staged import TimmConvolved
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place

_PARALLEL = "its blocks attend in two ways side by side"


@dataclass(frozen=True, eq=False)
class TimmMaxxVit(TimmConvolved):
    """What comes before the first attention is the stem; from there on convolution blocks are layers, too.

    Squeeze-and-excitation multiplies channels by a gate that all tokens have a part in: gates are no edges.
    """

    handles: ClassVar[tuple[str, ...]] = ("timm.models.maxxvit.MaxxVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("maxxvit",)
    undescribed: ClassVar[Mapping[str, str]] = {"maxvit_*_pm_*": _PARALLEL}

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        if self.module.stem.conv1.in_channels != 3:
            raise refuse(
                self.module, f"it takes pictures of {self.module.stem.conv1.in_channels} channels instead of 3"
            )
        kinds = {type(block).__name__ for stage in self.module.stages for block in stage.blocks}
        if "ParallelMaxxVitBlock" in kinds:
            raise refuse(self.module, _PARALLEL)
        if not self.blocks:
            raise refuse(self.module, "it is a convolutional network: it has no attention")

    @cached_property
    def _parts(self) -> tuple[str, ...]:
        """Names of the stem, the convolution blocks and the attention blocks, as they follow each other."""
        found = ["stem"]
        for stage, module in self.module.stages.named_children():
            for number, block in module.blocks.named_children():
                name = f"stages.{stage}.blocks.{number}"
                inner = [part for part in ("conv", "attn_block", "attn_grid") if getattr(block, part, None) is not None]
                found += [f"{name}.{part}" for part in inner] or [name]
        return tuple(found)

    @cached_property
    def _first(self) -> int:
        """The number of the part that attends first; as many as there are if none does."""
        attends = [self._attends(name) for name in self._parts]
        return attends.index(True) if any(attends) else len(attends)

    def _attends(self, name: str) -> bool:
        return hasattr(self.module.get_submodule(name), "attn")

    @property
    def embedding(self) -> str:  # type: ignore[override]
        """Name of the last convolution before the first attention."""
        return self._parts[self._first - 1]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the convolution and attention blocks from the first attention on."""
        return self._parts[self._first :]

    def _halves(self, name: str) -> bool:
        """Return whether a part makes half as many rows and columns of tokens."""
        return hasattr(getattr(self.module.get_submodule(name), "shortcut", None), "pool")

    @property
    def pixels(self) -> Pixels:
        """The one size that its windows and relative positions are for."""
        height, width = self.module.img_size
        side = int(self.module.stem.stride) * 2 ** sum(map(self._halves, self._parts[: self._first]))
        return Pixels((int(height), int(width)), (side, side), False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L: half the rows and columns, rounded up, above each stride."""
        grids = [self.first_grid(height, width)]
        for name in self.blocks:
            below = grids[-1]
            fewer = TokenGrid(0, (below.rows + 1) // 2, (below.cols + 1) // 2, class_token=False)
            grids.append(fewer if self._halves(name) else below)
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: in windows, between all tokens, merged or not, or under a kernel."""
        from vitexplain.attention import Convolved, PooledKeys

        below, name = levels[layer - 1], self.blocks[layer - 1]
        part: Any = self.module.get_submodule(name)
        pool = getattr(getattr(part, "shortcut", None), "pool", None)
        shortcut = None if pool is None else after_steps(below, (_step(pool),))
        if hasattr(part, "partition_size"):
            rows, cols = map(int, part.partition_size)
            near = part.partition_block
            return shifted_windows(below, (rows, cols), (0, 0)) if near else spread_windows(below, (rows, cols))
        if self._attends(name):
            return super().place(layer, levels) if shortcut is None else PooledKeys(shortcut, merged=True)
        convolutions = [getattr(part, each, None) for each in ("conv1_1x1", "conv2_kxk", "conv_dw")]
        steps = [_step(each) for each in (getattr(part.down, "pool", None), *convolutions) if each is not None]
        return Convolved(after_steps(below, tuple(steps)), shortcut)

    @property
    def heads(self) -> int:
        """Number of attention heads of the layer that has the fewest."""
        parts: list[Any] = [self.module.get_submodule(name) for name in self.blocks if self._attends(name)]
        return min(int(part.attn.num_heads) for part in parts)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels first; see `layout_at`."""
        return "BDHW"

    def layout_at(self, level: int) -> Layout:
        """Return the form of a level's tokens: most windows are cut from maps with channels last."""
        part = type(self.module.get_submodule(self.blocks[max(level, 1) - 1])).__name__
        return "BHWD" if part == "PartitionAttentionCl" else "BDHW"

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.head.global_pool.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last block."""
        last_first = self.layout_at(len(self.blocks)) == "BHWD"
        return super().classify(tokens.permute(0, 3, 1, 2) if last_first else tokens)

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        lower = tuple(f"{name}." for name in self._parts[: self._first + layer - 1])
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith(lower))


def _step(part: Any) -> Step:
    """Return what a convolution or a pool reaches; timm's own with `Same` in their names pad as TensorFlow does."""
    numbers = [each if isinstance(each, int) else each[0] for each in (part.kernel_size, part.stride, part.padding)]
    return numbers[0], numbers[1], None if type(part).__name__.endswith("Same") else numbers[2]
