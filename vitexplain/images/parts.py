"""A large picture in parts, so that only one part of it is held twice."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

PART_PIXELS = 1 << 18
"""The most pixels of a part."""

Box = tuple[int, int, int, int]


def boxes(size: tuple[int, int]) -> Iterator[Box]:
    """Yield (left, top, right, bottom) of parts that cover a picture of `size` (width, height), in the order of pixels.

    They are bands of whole rows, or pieces of one row where a row is too long.
    """
    width, height = size
    rows, cols = max(1, PART_PIXELS // max(1, width)), min(width, PART_PIXELS)
    for top in range(0, height, rows):
        for left in range(0, width, cols):
            yield left, top, min(left + cols, width), min(top + rows, height)


def parts(image: Image.Image) -> Iterator[tuple[Box, Image.Image]]:
    """Yield every box and what the picture shows there."""
    for box in boxes(image.size):
        yield box, image.crop(box)
