"""timm's Next-ViT: convolution blocks, and at the end of each stage one whose tokens read pooled keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import UsageError
from vitexplain.networks.layout import Layout
from vitexplain.networks.merged_patches import Step, after_steps, in_a_row
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_late import TimmLate, step_of

if TYPE_CHECKING:
    from torch import nn

    from vitexplain.attention import Place
    from vitexplain.tokens import TokenGrid

_WHOLE = 32
"""Pixels between tokens of the last stage: at multiples of it no token is left out of the pooled keys."""


@dataclass(frozen=True, eq=False)
class TimmNextVit(TimmLate):
    """Convolutions follow attention within a block and mix neighbours besides, which the graph has no edge for."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.nextvit.NextViT",)
    timm_modules: ClassVar[tuple[str, ...]] = ("nextvit",)

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        side = self.stride
        for name in self.blocks:
            attention: Any = self.attention_of(name)
            if attention is not None and self.halves(name):
                raise refuse(self.module, "a stage begins with attention")
            side *= 2 if self.halves(name) else 1
            if attention is not None and (_WHOLE // side) ** 2 % int(attention.N_ratio):
                raise refuse(self.module, "its keys are pooled over more tokens than Next-ViT's own")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the stem and of the blocks, as they follow each other."""
        stages = self.module.stages.named_children()
        return (
            "stem",
            *(f"stages.{at}.blocks.{name}" for at, stage in stages for name, _ in stage.blocks.named_children()),
        )

    def attention_of(self, name: str) -> nn.Module | None:
        """Return the module in a part that attends, or None."""
        return getattr(self.module.get_submodule(name), "e_mhsa", None)

    def halves(self, name: str) -> bool:
        """Return whether a part makes half as many rows and columns of tokens."""
        return bool(self._pool(name))

    def _pool(self, name: str) -> tuple[Step, ...]:
        """Return the pool before a block as a step, none where there is none; it is cut off at an odd edge."""
        embed: Any = getattr(self.module.get_submodule(name), "patch_embed", None)
        return () if not hasattr(getattr(embed, "pool", None), "stride") else ((*step_of(embed.pool)[:2], None),)

    @property
    def pixels(self) -> Pixels:
        """Multiples of 32 pixels (see `first_grid`); no size of its own."""
        return Pixels(None, (self.stride, self.stride), True)

    def first_grid(self, height: int, width: int) -> TokenGrid:
        """Return the tokens of level 0; UsageError: a size that leaves tokens out of the pooled keys."""
        if height % _WHOLE or width % _WHOLE:
            raise UsageError(f"pixels of {height} x {width}: this model takes multiples of 32 x 32: use such a size")
        return super().first_grid(height, width)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges are: to pooled keys, between all tokens, or under a kernel."""
        from vitexplain.attention import Convolved, PooledKeys

        below, name = levels[layer - 1], self.blocks[layer - 1]
        attention: Any = self.attention_of(name)
        if attention is not None:
            return (
                super().place(layer, levels) if attention.sr is None else PooledKeys(in_a_row(below, attention.N_ratio))
            )
        pool, part = self._pool(name), self.module.get_submodule(name)
        kernel = after_steps(below, (*pool, step_of(part.mhca.group_conv3x3)))
        return Convolved(kernel, after_steps(below, pool) if pool else None)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels first."""
        return "BDHW"
