"""Described: what adapters of every library share: the module, run as it is; the base of their bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout
from vitexplain.networks.outputs import read_output
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Self

    from vitexplain.attention import Place


@dataclass(frozen=True, eq=False)
class Described:
    """A torch module that an adapter describes. The adapter adds the rest of a Network."""

    module: Any

    timm_modules: ClassVar[tuple[str, ...]] = ()
    undescribed: ClassVar[Mapping[str, str]] = {}

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the outputs (B, C)."""
        return self.output(self.module(pixels), len(pixels))

    def output(self, raw: object, batch: int) -> Tensor:
        """Return the outputs (B, C) in what the module returned."""
        return read_output(raw, batch)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges of a layer are: every token reads all of them and continues itself."""
        from vitexplain.attention import Everywhere

        return Everywhere(levels[layer].tokens, levels[layer - 1].tokens)

    heads_first: ClassVar[bool] = False
    at_dropout: ClassVar[bool] = False

    @property
    def graphless(self) -> str | None:
        """None: the attention graph describes the module."""
        return None

    @property
    def layout(self) -> Layout:
        """Blocks take and return (B, N, D)."""
        return "BND"

    def layout_at(self, level: int) -> Layout:  # noqa: ARG002 - the same at every level, but for some
        """Return the form of the tokens of a level."""
        return self.layout

    def with_module(self, module: torch.nn.Module) -> Self:
        """Return the same description of another module."""
        return replace(self, module=module)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the module's weights under the names that they have there."""
        return dict(self.module.state_dict())
