"""Pages: rows of panels cut into lines, and lines into pages that are legible on a screen or on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from vitexplain.figures.grid import GAP, MARGIN, Cell, Grid
from vitexplain.figures.letters import height
from vitexplain.figures.sheet import DPI

WIDTH = 1600 / DPI
HEIGHT = WIDTH * 2**0.5
"""The largest page in inches: 1,600 pixels wide, of the shape of A4."""

ROW_TITLE = 9.0
"""Size in points of the letters of a row's title."""

_STEP = 0.1
"""Inches by which pages are made lower until one more were needed."""


@dataclass(frozen=True, eq=False)
class Band:
    """One line of cells, under a title where it is the first of its row."""

    title: str | None
    cells: Sequence[Cell | None]

    @property
    def height(self) -> float:
        """Height in inches with its title, if that is one line, and the gap below."""
        return height(self.title is not None, ROW_TITLE) + Grid([self.cells]).heights[0] + GAP


def columns_across(width: float, columns: int) -> int:
    """Return how many cells of this width in inches a line has: `columns` fill equally long lines of a page."""
    most = max(1, int((WIDTH - 2 * MARGIN + GAP) / (width + GAP)))
    return ceil(columns / ceil(columns / most))


def lines_of(cells: Sequence[Cell | None], across: int) -> list[Sequence[Cell | None]]:
    """Return the cells in lines; one that has only empty places is left out."""
    lines = [cells[start : start + across] for start in range(0, len(cells), across)]
    return [line for line in lines if any(cell is not None for cell in line)]


def paginated(rows: Sequence[Sequence[Band]], first: float) -> list[list[Band]]:
    """Return the bands of each page; a row of several is kept together unless it is higher than a page.

    `first` inches of the first page are taken. As few pages as there can be, about equally high. A row that goes on
    over the page has its title on both.
    """
    pages = _filled(rows, first, HEIGHT)
    limit = HEIGHT - _STEP
    while limit > 0 and len(lower := _filled(rows, first, limit)) == len(pages):
        pages, limit = lower, limit - _STEP
    return pages


def _filled(rows: Sequence[Sequence[Band]], first: float, limit: float) -> list[list[Band]]:
    """Return the bands of pages of `limit` inches, each filled before the next is begun."""
    room = limit - 2 * MARGIN - height(1, ROW_TITLE) - GAP
    pages: list[list[Band]] = [[]]
    left = room - first
    for row in rows:
        whole = sum(band.height for band in row)
        title = next((band.title for band in row if band.title), "")
        for number, band in enumerate(row):
            needed = whole if number == 0 and whole <= room else band.height
            if needed > left and pages[-1]:
                pages.append([])
                left = room
            again = number > 0 and not pages[-1]
            placed = replace(band, title=f"{title} (continued)") if again else band
            pages[-1].append(placed)
            left -= placed.height
    return pages
