"""timm's ConViT: gated positional attention between patches; the class token comes in the last layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.networks.timm_vit import token_or_mean
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class TimmConvit(TimmStaged):
    """The weights are (1 - g) content + g position, divided by their sum, as they multiply the values."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.convit.ConVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("convit",)
    at_dropout: ClassVar[bool] = True

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        if self.module.cls_token is None or self.module.local_up_to_layer >= len(self.blocks):
            raise refuse(self.module, "its class token enters none of its layers")

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(f"blocks.{number}" for number, _ in self.module.blocks.named_children())

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes."""
        found = super().pixels
        return Pixels(found.built_for, found.patch, False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L: the class token is there from the layer on that it comes in at."""
        alone = self.first_grid(height, width)
        joins = int(self.module.local_up_to_layer)
        joined = TokenGrid(1, alone.rows, alone.cols)
        return tuple(joined if level > joins else alone for level in range(len(self.blocks) + 1))

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: everywhere, but to a class token that is a constant still."""
        from vitexplain.attention import Joining

        if levels[layer].tokens == levels[layer - 1].tokens:
            return super().place(layer, levels)
        return Joining(1, levels[layer - 1].tokens)

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self.module.blocks[0].attn.num_heads)

    @property
    def readout(self) -> Readout:
        """The class token, or the mean of the patches."""
        return token_or_mean(self.module)

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        module: Any = self.module
        return self.output(module.forward_head(module.norm(tokens)), len(tokens))
