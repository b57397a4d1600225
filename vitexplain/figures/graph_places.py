"""Where the tokens and levels of a drawn graph are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vitexplain.attention import LayeredGraph
from vitexplain.figures.letters import width
from vitexplain.graph import Path

_LEVEL = 0.42
"""Inches from one level to the next."""

_WIDE, _NARROW, _SPREAD = 0.5, 0.16, 9.0
"""Inches between two columns, at most and at least, and of all columns together where these limits allow it."""

_NAMES = 0.62
"""Inches for the names of the levels."""


class Places:
    """Columns for the tokens on the paths, rows for the levels; all in inches, y from the top of the drawing."""

    def __init__(self, graph: LayeredGraph, paths: Sequence[Path], left: float) -> None:
        self.graph = graph
        self._node = graph.source.node
        self.virtual = self._node is None
        tokens = sorted({token for path in paths for token in path.tokens})
        if self._node is not None and self._node not in tokens:
            tokens = sorted([self._node, *tokens])
        self.step = min(_WIDE, max(_NARROW, _SPREAD / max(len(tokens), 1)))
        self.thumbnail = self.step * 0.88
        names = max((width(name, 6.0) for _, name in self.levels()), default=0.0)
        self.first_x = left + max(names, _NAMES) + 0.1
        self.columns = {token: self.first_x + self.step * (place + 0.5) for place, token in enumerate(tokens)}
        self.right = self.first_x + self.step * max(len(tokens), 1)

    @property
    def rows(self) -> int:
        """Number of levels, that of a virtual source included."""
        return len(self.graph.layers) + 1 + self.virtual

    @property
    def height(self) -> float:
        """Height of levels, pictures of patches and their names."""
        names = max((width(self.token_name(token), 6.0) for token in self.columns), default=0.0)
        return 0.15 + _LEVEL * (self.rows - 1) + 0.1 + self.thumbnail + 0.04 + max(names, 0.1)

    def y(self, level: int, top: float) -> float:
        """Return where a level lies; level 0 are the tokens at the bottom."""
        return top + 0.15 + _LEVEL * (self.rows - 1 - level)

    def at(self, level: int, token: int, top: float) -> tuple[float, float]:
        """Return where a token of a level lies; token -1 is a virtual source."""
        return self.source(top) if token < 0 else (self.columns[token], self.y(level, top))

    def source(self, top: float) -> tuple[float, float]:
        """Return where the source lies: its token on the top level, or in the middle above it."""
        level = len(self.graph.layers)
        if self._node is None:
            return (self.first_x + self.right) / 2, self.y(level + 1, top)
        return self.columns[self._node], self.y(level, top)

    def levels(self) -> Iterator[tuple[int, str]]:
        """Yield every level and its name; a level's tokens are at the output of the layer of that name."""
        yield 0, "patches" if self.graph.first == 1 else f"layer {self.graph.first - 1}"
        for level in range(1, len(self.graph.layers) + 1):
            yield level, f"layer {self.graph.first + level - 1}"
        if self.virtual:
            yield len(self.graph.layers) + 1, "readout"

    def token_name(self, token: int) -> str:
        """Return "row,col" of a patch, or what a prefix token is called."""
        patch = self.graph.grid.patch_of_token(token)
        if patch is not None:
            return f"{patch[0]},{patch[1]}"
        return "class token" if token == 0 and self.graph.grid.class_token else f"token {token}"
