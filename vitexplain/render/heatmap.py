"""The heatmap: scores enlarged and coloured, every patch's score exactly at the patch's centre."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.render.drawing import Drawing
from vitexplain.render.opencv import opencv

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

Array = np.ndarray[Any, np.dtype[Any]]

EQUAL = 1e-5
"""Scores whose range is below this share of the largest are drawn as equal: it is what rounding makes of equal ones."""


def draw_heatmap(scores: Array, view: View, drawing: Drawing) -> Image.Image:
    """Return the heatmap of scores (rows, cols) alone, in the size of the view: what the model saw, in its pixels."""
    from PIL import Image

    height, width = view.size
    return Image.fromarray(colours(scores, drawing, spans=((0.0, height, height), (0.0, width, width))))


def colours(scores: Array, drawing: Drawing, spans: tuple[tuple[float, float, int], tuple[float, float, int]]) -> Array:
    """Return uint8 colours (height, width, 3), RGB.

    `spans` has for the rows and for the columns: where the grid starts and ends on the canvas, in pixels (fractions
    and places outside the canvas included), and the canvas's length.
    """
    levels = shares(scores, drawing).astype(np.float32)
    (top, bottom, height), (left, right, width) = spans
    rows = weights(scores.shape[0], top, bottom, height)
    cols = weights(scores.shape[1], left, right, width)
    enlarged = np.clip(rows @ (levels @ cols.T) * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    cv2 = opencv()
    return np.asarray(cv2.LUT(cv2.merge((enlarged, enlarged, enlarged)), palette(drawing.colormap)[None]))


def shares(scores: Array, drawing: Drawing) -> Array:
    """Return scores as float64 shares of the colour scale, 0 to 1; equal ones all get the middle of the map."""
    values = scores.astype(np.float64)
    if drawing.scale is None:
        low, high = float(values.min()), float(values.max())
        if high - low <= EQUAL * max(abs(low), abs(high)):
            return np.full_like(values, 0.5)
    else:
        low, high = drawing.scale
    # Halves first: the difference of two finite numbers may overflow.
    return np.clip((values / 2 - low / 2) / (high / 2 - low / 2), 0, 1)


def weights(patches: int, start: float, end: float, length: int) -> Array:
    """Return interpolation weights (length, patches), float32, whose rows sum to 1.

    A pixel at a patch's centre takes that patch's value alone; between centres a smooth step leads from one to the
    other, so the enlarged values never leave the range of their neighbours. Beyond the outer centres the value stays.
    """
    centre = (np.arange(length) + 0.5 - start) / (end - start) * patches - 0.5
    centre = np.clip(centre, 0, patches - 1)
    before = np.minimum(centre.astype(np.int64), max(patches - 2, 0))
    step = centre - before
    table = np.zeros((length, patches), np.float32)
    pixel = np.arange(length)
    table[pixel, before] = 1 - step
    table[pixel, np.minimum(before + 1, patches - 1)] += step
    return table


@functools.cache
def palette(name: str) -> Array:
    """Return the 256 colours of a map, uint8 (256, 3), RGB."""
    cv2 = opencv()
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], getattr(cv2, f"COLORMAP_{name.upper()}"))
    return np.ascontiguousarray(ramp[:, 0, ::-1])
