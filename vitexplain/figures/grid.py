"""Grid: cells in rows and columns, each column as wide and each row as high as its largest cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vitexplain.figures.letters import height
from vitexplain.figures.sheet import Sheet

MARGIN, GAP = 0.15, 0.16
"""Inches around the figure and between cells."""


@dataclass(frozen=True)
class Measures:
    """The lines of a cell: above its picture, below it; `between` is the height in inches between the two."""

    width: float
    title: tuple[str, ...]
    title_size: float
    between: float
    below: tuple[str, ...]
    below_size: float

    @property
    def title_height(self) -> float:
        """Height of the title in inches."""
        return height(len(self.title), self.title_size)

    @property
    def height(self) -> float:
        """Height of all that is under the title in inches."""
        return self.between + height(len(self.below), self.below_size)


class Cell(Protocol):
    """A cell of a grid, which knows its size and draws itself."""

    @property
    def measures(self) -> Measures:
        """The size of the cell and its lines."""

    def draw(self, sheet: Sheet, x: float, y: float, title_height: float) -> None:
        """Draw the cell with its top left corner at (x, y); its picture begins `title_height` further down."""


class Grid:
    """Rows of cells; a None leaves its place empty. All sizes in inches."""

    def __init__(self, rows: Sequence[Sequence[Cell | None]]) -> None:
        columns = max(len(row) for row in rows)
        widths = [0.0] * columns
        self.heights: list[float] = []
        self.title_heights: list[float] = []
        for row in rows:
            known = [(column, cell.measures) for column, cell in enumerate(row) if cell is not None]
            for column, measures in known:
                widths[column] = max(widths[column], measures.width)
            title = max((measures.title_height for _, measures in known), default=0.0)
            self.title_heights.append(title)
            self.heights.append(title + max((measures.height for _, measures in known), default=0.0))
        self.lefts = [sum(widths[:column]) + GAP * column for column in range(columns)]
        self.width = sum(widths) + GAP * (columns - 1)
