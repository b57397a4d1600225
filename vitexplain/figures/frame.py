"""Frame: one picture of an animation: texts and lines on a sheet, photographs on it pixel for pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitexplain.figures.files import image_of
from vitexplain.figures.sheet import Sheet

if TYPE_CHECKING:
    from PIL import Image

WIDTH = 4.9
"""The width of a frame in inches, whatever its pixels: letters keep their share of it."""

TITLE, TEXT, SMALL = 11.0, 8.5, 7.5
"""Sizes of letters in points."""


@dataclass(eq=False)
class Frame:
    """A sheet, and the pictures that go on it at (x, y), each `width` x `height` inches."""

    sheet: Sheet
    _pictures: list[tuple[Image.Image, tuple[float, float, float, float]]] = field(default_factory=list)

    def picture(self, picture: Image.Image, x: float, y: float, width: float, height: float) -> None:
        """Place a picture (RGB); matplotlib would repeat or drop some of its pixels."""
        self._pictures.append((picture, (x, y, width, height)))

    def drawn(self, side: int) -> Image.Image:
        """Return the frame in pixels, its longer side `side`."""
        from PIL import Image

        scale = side / max(self.sheet.width, self.sheet.height)
        self.sheet.figure.set_dpi(scale)
        made = image_of(self.sheet.figure)
        for picture, (x, y, width, height) in self._pictures:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            made.paste(picture.resize(size, Image.Resampling.LANCZOS), (round(x * scale), round(y * scale)))
        return made
