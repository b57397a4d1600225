"""Smoothing: scores mixed with those of the neighbouring patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vitexplain.tokens import TokenGrid

Floats = npt.NDArray[Any]


def smoothed(values: Floats, grid: TokenGrid, share: float) -> Floats:
    """Return (1 - share) times the scores (B, P), plus `share` times the mean of each patch's neighbourhood.

    The neighbourhood is the patch and the eight around it, weighted 1-2-1 along rows and along columns. At the edges
    the mean is over the patches that exist, so that equal scores stay equal.
    """
    if share == 0:
        return values
    maps = values.reshape(-1, grid.rows, grid.cols).astype(np.float64)
    around = _weighted(maps) / _weighted(np.ones_like(maps[:1]))
    return ((1 - share) * maps + share * around).reshape(values.shape).astype(values.dtype)


def _weighted(maps: Floats) -> Floats:
    """Return the sums of maps (B, rows, cols) over each patch's neighbourhood, weighted 1-2-1 by 1-2-1."""
    for axis in (1, 2):
        ahead, behind = np.zeros_like(maps), np.zeros_like(maps)
        inner, outer = [slice(None)] * 3, [slice(None)] * 3
        inner[axis], outer[axis] = slice(1, None), slice(None, -1)
        ahead[tuple(outer)] = maps[tuple(inner)]
        behind[tuple(inner)] = maps[tuple(outer)]
        maps = behind + 2 * maps + ahead
    return maps
