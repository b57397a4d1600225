"""Controls: scores that know nothing about the image, or belong to another one; an explanation has to beat them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

RANDOM, CENTRE, CHANCE, OTHER = "random", "centre", "chance", "@other"

CEILING = "ceiling"
"""No control: what the best order found reaches."""

Grid = tuple[int, int]
"""Rows and columns of patches."""


def is_control(name: str) -> bool:
    """Whether a row of the tables is a control, or the ceiling, and not a method."""
    return name in (RANDOM, CENTRE, CHANCE, CEILING) or name.endswith(OTHER)


def centre(rows: int, cols: int) -> npt.NDArray[np.float64]:
    """Return a Gaussian in the middle of the grid (P,); its standard deviation is half of each of the grid's sides."""
    down = (np.arange(rows) - (rows - 1) / 2) / (rows / 2)
    right = (np.arange(cols) - (cols - 1) / 2) / (cols / 2)
    # Sums of squares, not products of two exponentials: patches as far from the middle must tie exactly.
    squares: npt.NDArray[np.float64] = down[:, None] ** 2 + right[None] ** 2
    return np.exp(-np.round(squares, 12) / 2).ravel()


def in_circle_order(images: Iterable[str], seed: int) -> list[str]:
    """Return images (by their SHA-256) in the order in which circles take them: the seed's, whatever order is given."""
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image}".encode()).digest())


class Circles:
    """Pairs every image with another one of the same grid, whose scores are a control.

    The images of a grid form a circle, and each is paired with the next one. They are added in the order of
    `in_circle_order`, so that an image's pair is known as soon as the next one of its grid is.
    """

    def __init__(self) -> None:
        self._first: dict[Grid, str] = {}
        self._last: dict[Grid, str] = {}

    def add(self, image: str, grid: Grid) -> str | None:
        """Add an image to its circle; return the one before it, now paired with it, None for the first of a grid."""
        before = self._last.get(grid)
        self._first.setdefault(grid, image)
        self._last[grid] = image
        return before

    def ends(self) -> dict[str, str]:
        """Return the pairs that close the circles, last and first image; an image alone with its grid has none."""
        return {last: self._first[grid] for grid, last in self._last.items() if last != self._first[grid]}
