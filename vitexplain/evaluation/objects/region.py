"""Region: the part of a picture that an object takes, and how much of each patch of a view that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom edges in pixels of the upright picture, (0, 0) being its upper left corner."""


@dataclass(frozen=True, eq=False)
class Region:
    """Cells between `x_edges` and `y_edges`, in pixels; `inside` (rows, cols) says which are part of the object."""

    x_edges: npt.NDArray[np.float64]
    y_edges: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]

    @classmethod
    def of_rectangles(cls, rectangles: Sequence[Rectangle]) -> Region:
        """Return the union of rectangles, of which there is at least one."""
        edges = np.array(rectangles, np.float64)
        xs, ys = np.unique(edges[:, [0, 2]]), np.unique(edges[:, [1, 3]])
        inside = np.zeros((len(ys) - 1, len(xs) - 1), bool)
        for left, top, right, bottom in edges:
            inside |= ((ys[:-1] >= top) & (ys[1:] <= bottom))[:, None] & ((xs[:-1] >= left) & (xs[1:] <= right))
        return cls(xs, ys, inside)

    @classmethod
    def of_mask(cls, mask: npt.NDArray[np.bool_]) -> Region:
        """Return the pixels (height, width) that are True."""
        height, width = mask.shape
        return cls(np.arange(width + 1.0), np.arange(height + 1.0), mask)

    def coverage(self, view: Rectangle, rows: int, cols: int) -> npt.NDArray[np.float64]:
        """Return for each patch (rows * cols,) of a view which share of its area the object takes."""
        left, top, right, bottom = view
        down = _overlap(np.linspace(top, bottom, rows + 1), self.y_edges)
        across = _overlap(np.linspace(left, right, cols + 1), self.x_edges)
        area = (bottom - top) / rows * (right - left) / cols
        shares: npt.NDArray[np.float64] = down @ self.inside @ across.T / area
        return np.clip(shares.ravel(), 0, 1)

    def covers(self, x: float, y: float) -> bool:
        """Whether the object lies at a point."""
        row, col = (
            int(np.searchsorted(edges, at, "right")) - 1 for edges, at in ((self.y_edges, y), (self.x_edges, x))
        )
        rows, cols = self.inside.shape
        return 0 <= row < rows and 0 <= col < cols and bool(self.inside[row, col])


def _overlap(parts: npt.NDArray[Any], cells: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (parts, cells): the length that each of one row of intervals shares with each of another."""
    starts = np.maximum(parts[:-1, None], cells[None, :-1])
    ends = np.minimum(parts[1:, None], cells[None, 1:])
    lengths: npt.NDArray[np.float64] = np.maximum(ends - starts, 0.0)
    return lengths
