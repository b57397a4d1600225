"""Controls: scores that know nothing of the image, or of another one; an explanation has to beat them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

RANDOM, CENTRE, OTHER = "random", "centre", "@other"


def centre(rows: int, cols: int) -> npt.NDArray[np.float64]:
    """Return a Gaussian in the middle of the grid (P,); its standard deviation is half of each of the grid's sides."""
    down = (np.arange(rows) - (rows - 1) / 2) / (rows / 2)
    right = (np.arange(cols) - (cols - 1) / 2) / (cols / 2)
    # Sums of squares, not products of two exponentials: patches as far from the middle must tie exactly.
    squares: npt.NDArray[np.float64] = down[:, None] ** 2 + right[None] ** 2
    return np.exp(-np.round(squares, 12) / 2).ravel()


def other_images(grids: Mapping[str, tuple[int, int]], seed: int) -> dict[str, str]:
    """Return for every image (by its SHA-256) another one with the same grid, whose scores stand in for its own.

    Images are put in a circle, in an order drawn by the seed, and each is given the next. It does not depend on the
    order in which they come. An image alone with its grid has no other.
    """
    circles: dict[tuple[int, int], list[str]] = {}
    for image in _shuffled(grids, seed):
        circles.setdefault(grids[image], []).append(image)
    pairs: dict[str, str] = {}
    for circle in circles.values():
        if len(circle) > 1:
            pairs.update(zip(circle, [*circle[1:], circle[0]], strict=True))
    return pairs


def _shuffled(images: Iterable[str], seed: int) -> list[str]:
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image}".encode()).digest())
