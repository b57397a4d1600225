"""TimmLate: what timm's networks have in common whose first attention comes after convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.merged_patches import Step
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_staged import TimmConvolved
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class TimmLate(TimmConvolved):
    """All that comes before the first attention is the stem; from there on convolution blocks are layers, too.

    An adapter says which parts there are, which of them attend, and which halve the rows and columns.
    """

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the stem, the convolution blocks and the attention blocks, as they follow each other."""
        raise NotImplementedError

    def attention_of(self, name: str) -> nn.Module | None:
        """Return the module in a part that attends, with `num_heads`; None: the part has no attention."""
        raise NotImplementedError

    def halves(self, name: str) -> bool:
        """Return whether a part makes half as many rows and columns of tokens."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ModelError for a network of pictures that are not RGB, or without attention."""
        first: Any = next(part for part in self.module.modules() if hasattr(part, "in_channels"))
        if first.in_channels != 3:
            raise refuse(self.module, f"it takes pictures of {first.in_channels} channels instead of 3")
        if not self.blocks:
            raise refuse(self.module, "it is a convolutional network: it has no attention")

    @cached_property
    def _first(self) -> int:
        """The number of the part that attends first; as many as there are if none does."""
        attends = [self.attention_of(name) is not None for name in self.parts]
        return attends.index(True) if any(attends) else len(attends)

    @property
    def embedding(self) -> str:  # type: ignore[override]
        """Name of the last convolution before the first attention."""
        return self.parts[self._first - 1]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the convolution and attention blocks from the first attention on."""
        return self.parts[self._first :]

    stem_stride: ClassVar[int] = 4
    """How many pixels apart the tokens of the stem are."""

    @property
    def stride(self) -> int:
        """How many pixels apart the tokens of level 0 are."""
        return self.stem_stride * int(2 ** sum(map(self.halves, self.parts[: self._first])))

    @property
    def pixels(self) -> Pixels:
        """The one size that its windows and relative positions are for."""
        raise NotImplementedError

    def first_grid(self, height: int, width: int) -> TokenGrid:
        """Return the tokens of level 0; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        side = self.stride
        return TokenGrid(0, height // side, width // side, class_token=False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L: half the rows and columns, rounded up, above each stride."""
        grids = [self.first_grid(height, width)]
        for name in self.blocks:
            below = grids[-1]
            fewer = TokenGrid(0, (below.rows + 1) // 2, (below.cols + 1) // 2, class_token=False)
            grids.append(fewer if self.halves(name) else below)
        return tuple(grids)

    @property
    def heads(self) -> int:
        """Number of attention heads of the layer that has the fewest."""
        attending: list[Any] = [each for each in map(self.attention_of, self.blocks) if each is not None]
        return min(int(each.num_heads) for each in attending)

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        if self.module.head.global_pool.pool_type != "avg":
            raise unknown_pooling(self.module)
        return "mean"

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        lower = tuple(f"{name}." for name in self.parts[: self._first + layer - 1])
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith(lower))


@dataclass(frozen=True, eq=False)
class TimmTokenMixers(TimmLate):
    """One with stages of `downsample` and blocks, whose `token_mixer` is attention or something else."""

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the stem, the convolutions between stages and the blocks, as they follow each other."""
        found = ["stem"]
        for stage, module in self.module.stages.named_children():
            before = [name for name, part in module.named_children() if name != "blocks" and len([*part.children()])]
            blocks = [f"blocks.{name}" for name, _ in module.blocks.named_children()]
            found += [f"stages.{stage}.{name}" for name in (*before, *blocks)]
        return tuple(found)

    def attention_of(self, name: str) -> nn.Module | None:
        """Return the module in a part that attends, or None."""
        mixer: nn.Module | None = getattr(self.module.get_submodule(name), "token_mixer", None)
        return mixer if hasattr(mixer, "qkv") else None

    def halves(self, name: str) -> bool:
        """Return whether a part makes half as many rows and columns of tokens."""
        return name.endswith(".downsample")


def step_of(part: Any) -> Step:
    """Return what a convolution or a pool reaches; timm's own with `Same` in their names pad as TensorFlow does."""
    kernel, stride, padding = (
        each if isinstance(each, int) else each[0] for each in (part.kernel_size, part.stride, part.padding)
    )
    return kernel, stride, None if type(part).__name__.endswith("Same") else padding
