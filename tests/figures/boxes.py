"""Where matplotlib itself draws the texts of a sheet, in pixels: independent of how their widths were foreseen."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from vitexplain.figures.sheet import Sheet


def texts(sheet: Sheet) -> list[tuple[str, Bbox]]:
    """Return every text that is not empty with its box."""
    canvas: Any = FigureCanvasAgg(sheet.figure)
    canvas.draw()
    (axes,) = sheet.figure.axes
    found = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
    return [(text, box) for text, box in found if text]


def overlapping(sheet: Sheet) -> list[tuple[str, str]]:
    """Return the pairs of texts that share more than a hair's breadth."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(texts(sheet), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def cut_off(sheet: Sheet) -> list[str]:
    """Return the texts that reach beyond the sheet."""
    width, height = sheet.width * sheet.dpi, sheet.height * sheet.dpi
    return [
        text for text, box in texts(sheet) if box.x0 < 0 or box.y0 < 0 or box.x1 > width + 0.5 or box.y1 > height + 0.5
    ]
