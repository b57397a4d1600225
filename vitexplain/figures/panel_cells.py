"""The cells of a comparison: the picture with its prediction, and a panel with its colour bar and statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vitexplain.figures.grid import Measures
from vitexplain.figures.letters import broken, height, joined
from vitexplain.figures.panels import Panel
from vitexplain.figures.sheet import Sheet, dpi_of
from vitexplain.figures.view_picture import grey, panel_picture, seen
from vitexplain.figures.words import all_equal, caption, name_of, predictions
from vitexplain.render import Drawing
from vitexplain.render.heat import bar
from vitexplain.render.heatmap import limits
from vitexplain.result import Result

if TYPE_CHECKING:
    from PIL import Image

TITLE, BELOW, ENDS = 8.5, 6.5, 6.0
"""Sizes of letters in points: above a picture, below it, at the ends of a colour bar."""

NARROWEST = 1.55
"""The narrowest cell, in inches: a statistic must fit on one line."""

_BAR, _AIR = 0.07, 0.03
_SHARPNESS = 1.5
"""Pixels of a panel's picture for each pixel of the sheet, along one side: vector files are enlarged."""


@dataclass(frozen=True, eq=False)
class PictureCell:
    """The whole picture with what the model saw framed, in a box of `size` (width, height) inches."""

    result: Result
    size: tuple[float, float]

    @cached_property
    def measures(self) -> Measures:
        """The size of the cell and its lines."""
        width = max(self.size[0], NARROWEST)
        title = broken(name_of(self.result), width, TITLE, bold=True)
        below = [line for text in predictions(self.result) for line in broken(text, width, BELOW + 1)]
        return Measures(width, tuple(title), TITLE, self._height + _AIR, tuple(below), BELOW + 1)

    def draw(self, sheet: Sheet, x: float, y: float, title_height: float) -> None:
        """Draw the picture at its own shape under the title, the predictions right below it."""
        from PIL import Image

        sheet.text(x, y + title_height, self.measures.title, TITLE, bold=True, va="bottom")
        image, inches = self.result.picture.image, self._scale
        pixels = _pixels(image.width * inches, image.height * inches)
        small = image.resize(pixels, Image.Resampling.BICUBIC, reducing_gap=2.0)
        top = y + title_height
        sheet.image(small, x, top, image.width * inches, image.height * inches)
        x0, y0, x1, y1 = self.result.view.box
        left, right = max(x0, 0) * inches, min(x1, image.width) * inches
        upper, lower = max(y0, 0) * inches, min(y1, image.height) * inches
        for colour, line in (("white", 2.4), ("black", 0.9)):
            sheet.frame(x + left, top + upper, right - left, lower - upper, edgecolor=colour, linewidth=line)
        sheet.text(x, top + self.measures.between, self.measures.below, self.measures.below_size)

    @property
    def _scale(self) -> float:
        """Inches a pixel of the picture."""
        image = self.result.picture.image
        return min(max(self.size[0], NARROWEST) / image.width, max(self.size[1], NARROWEST) / image.height)

    @property
    def _height(self) -> float:
        return self.result.picture.image.height * self._scale


@dataclass(frozen=True, eq=False)
class PanelCell:
    """One explanation: title, heatmap on `part`, what the model saw; colour bar with its ends, statistics."""

    result: Result
    panel: Panel
    part: Image.Image
    size: tuple[float, float]
    drawing: Drawing

    @cached_property
    def measures(self) -> Measures:
        """The size of the cell and its lines."""
        width = max(self.size[0], NARROWEST)
        title = broken(self.panel.title, width, TITLE, bold=True)
        below = joined(caption(self.panel.explanation, described=self.panel.described), width, BELOW)
        between = self.size[1] + 2 * _AIR + _BAR + height(1, ENDS) + _AIR
        return Measures(width, tuple(title), TITLE, between, tuple(below), BELOW)

    def draw(self, sheet: Sheet, x: float, y: float, title_height: float) -> None:
        """Draw the panel; scores that are all equal are stated, not drawn."""
        width, tall = self.size
        top = y + title_height
        sheet.text(x, top, self.measures.title, TITLE, bold=True, va="bottom")
        explanation = self.panel.explanation
        if all_equal(explanation.scores):
            sheet.image(grey(self.part), x, top, width, tall)
            text = f"nothing to show: all scores are {float(explanation.scores.flat[0]):.3g}"
            lines = broken(text, max(width, NARROWEST) - 0.1, TITLE)
            middle = x + max(width, NARROWEST) / 2
            sheet.text(middle, top + tall / 2, lines, TITLE, ha="center", va="center", zorder=5)
        else:
            sheet.image(panel_picture(self.part, self.result, explanation, self.drawing), x, top, width, tall)
            self._bar(sheet, x, top + tall + _AIR, max(width, NARROWEST))
        sheet.frame(x, top, width, tall)
        sheet.text(x, top + self.measures.between, self.measures.below, BELOW, color="0.15")

    def _bar(self, sheet: Sheet, x: float, y: float, width: float) -> None:
        """Draw the colour bar, with the scores at its two ends."""
        from PIL import Image

        scores, drawing = self.panel.explanation.scores, self.drawing.of(self.panel.explanation)
        sheet.image(Image.fromarray(bar(drawing)[None].copy()), x, y, width, _BAR)
        sheet.frame(x, y, width, _BAR)
        low, high = limits(scores, drawing)
        below, above = bool((scores < low).any()), bool((scores > high).any())
        under = y + _BAR + _AIR / 2
        sheet.text(x, under, f"{'< ' * below}{low:.3g}", ENDS)
        sheet.text(x + width, under, f"{'> ' * above}{high:.3g}", ENDS, ha="right")


def part_of(result: Result, size: tuple[float, float]) -> Image.Image:
    """Return what the model saw in the pixels of a panel of `size` inches."""
    return seen(result, _pixels(*size))


def _pixels(width: float, tall: float) -> tuple[int, int]:
    dpi = dpi_of(width, tall) * _SHARPNESS
    return max(1, round(width * dpi)), max(1, round(tall * dpi))
