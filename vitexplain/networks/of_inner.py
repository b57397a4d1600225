"""What a network takes over from a vision transformer inside it: sizes, tokens, and the names of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitexplain.networks.described import Described
from vitexplain.networks.layout import Layout
from vitexplain.networks.network import Network, Pixels
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place


class OfInner(Described):
    """A network whose vision transformer, described by `inner`, is the module's part at `path`."""

    if TYPE_CHECKING:  # a dataclass would take properties that exist for the defaults of its fields

        @property
        def inner(self) -> Network:
            """The transformer inside, described."""

        @property
        def path(self) -> str:
            """Its name in the module."""

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the transformer does not take."""
        return self.inner.levels(height, width)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges of `layer` are."""
        return self.inner.place(layer, levels)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return self.inner.by_patch(embeddings)

    @property
    def pixels(self) -> Pixels:
        """The sizes that the transformer takes."""
        return self.inner.pixels

    @property
    def embedding(self) -> str:
        """Name of the transformer's patch embedding in the module."""
        return f"{self.path}.{self.inner.embedding}"

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the transformer's blocks in the module."""
        return tuple(f"{self.path}.{name}" for name in self.inner.blocks)

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return self.inner.heads

    @property
    def layout(self) -> Layout:
        """The form of the tokens that the blocks take and return."""
        return self.inner.layout

    def layout_at(self, level: int) -> Layout:
        """Return the form of the tokens of a level."""
        return self.inner.layout_at(level)

    @property
    def overlapping(self) -> bool:
        """Whether a patch embedding sees more than its own patch."""
        return self.inner.overlapping
