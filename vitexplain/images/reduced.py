"""JPEG pictures decoded at a half, a quarter or an eighth of their size, which skips most of the decoder's work."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

_FACTORS = (8, 4, 2)


@dataclass(frozen=True)
class Least:
    """How many pixels a picture keeps at least on its shorter and on its longer side."""

    short: int
    long: int = 0

    def factor(self, size: tuple[int, int]) -> int:
        """Return by how much a picture of `size` may be reduced: 8, 4, 2 or 1."""
        short, long = sorted(size)
        return next((each for each in _FACTORS if short >= self.short * each and long >= self.long * each), 1)


def reduce(image: Image.Image, least: Least) -> int:
    """Make a picture that is not yet decoded come out smaller, if it is a JPEG; return the factor.

    libjpeg leaves out the high frequencies of each block of 8 x 8 pixels (scaling of the discrete cosine transform).
    """
    factor = least.factor(image.size)
    if factor == 1 or image.format not in ("JPEG", "MPO"):
        return 1
    width, height = image.size
    image.draft(image.mode, (width // factor, height // factor))
    return factor if image.size != (width, height) else 1
