"""Sheet: a figure of a given size whose parts are placed in inches from the top left; nothing is kept outside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.figures.letters import font, written

if TYPE_CHECKING:
    from PIL import Image

DPI = 130
"""Pixels an inch, unless the sheet would have more than MAX_PIXELS."""

MAX_PIXELS = 60e6

Colour = str | tuple[float, ...]


def dpi_of(width: float, height: float) -> float:
    """Return the pixels an inch of a sheet of this size in inches."""
    return min(DPI, math.sqrt(MAX_PIXELS / (width * height)))


class Sheet:
    """A white sheet of `width` x `height` inches; x goes right and y down from the top left, in inches.

    A matplotlib Figure of its own without pyplot: backends and the caller's figures are left alone.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.dpi = dpi_of(width, height)
        self.figure = Figure(figsize=(width, height), dpi=self.dpi, facecolor="white")
        # Otherwise vector files would merge all pictures into one, at 72 pixels an inch.
        self.figure.suppressComposite = True
        self._axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self._axes.set_axis_off()
        self._limits()

    def text(self, x: float, y: float, lines: str | Sequence[str], size: float, **style: Any) -> None:
        """Write lines of `size` points, the first one's top at `y`; `ha` says how they are aligned to `x`.

        Nothing in them is read as mathematics, and letters that the font lacks are written as escapes.
        """
        bold = style.pop("bold", False)
        self._axes.text(
            x,
            y,
            "\n".join(written(line) for line in ([lines] if isinstance(lines, str) else lines)),
            **{"va": "top", "linespacing": 1.2, "parse_math": False, "usetex": False, **style},
            fontproperties=font(size, bold),
        )

    def image(self, picture: Image.Image, x: float, y: float, width: float, height: float) -> None:
        """Place a picture, stretched to `width` x `height` inches."""
        self._axes.imshow(
            np.asarray(picture), extent=(x, x + width, y + height, y), aspect="auto", interpolation="none", zorder=1
        )
        self._limits()

    def frame(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a rectangle's outline, or fill it with `facecolor`."""
        from matplotlib.patches import Rectangle

        defaults = {"facecolor": "none", "edgecolor": "0.3", "linewidth": 0.5, "zorder": 2}
        self._axes.add_patch(Rectangle((x, y), width, height, **{**defaults, **style}))

    def dots(self, points: Sequence[tuple[float, float]], sizes: Sequence[float], **style: Any) -> None:
        """Draw round dots, `sizes` are their diameters in points."""
        if points:
            xs, ys = zip(*points, strict=True)
            self._axes.scatter(xs, ys, s=[size**2 for size in sizes], **{"zorder": 4, "linewidths": 0, **style})

    def lines(self, segments: Sequence[tuple[tuple[float, float], tuple[float, float]]], **style: Any) -> None:
        """Draw straight lines; widths in points, colours and dashes as matplotlib's LineCollection takes them."""
        from matplotlib.collections import LineCollection

        if segments:
            self._axes.add_collection(LineCollection(list(segments), **{"capstyle": "round", "zorder": 3, **style}))
            self._limits()

    def _limits(self) -> None:
        self._axes.set_xlim(0, self.width)
        self._axes.set_ylim(self.height, 0)
