"""The overlay: the heatmap blended onto the picture, exactly where the model looked; the rest is dimmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.drawing import LONG_SIDE, Drawing
from vitexplain.render.heatmap import Array, colours
from vitexplain.render.opencv import opencv

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

DIMMED = 0.45
"""Lightness of the picture outside the view, as a share of its own."""


def draw_overlay(picture: Image.Image, scores: Array, view: View, drawing: Drawing) -> Image.Image:
    """Return the picture (RGB, oriented) with the heatmap of scores (rows, cols) at view.box.

    The picture is scaled down to at most 1,600 pixels a side, never up, unless drawing.full_size.
    """
    from PIL import Image

    pixels, across, down = _scaled(picture, drawing)
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = view.box
    left, top, right, bottom = x0 * across, y0 * down, x1 * across, y1 * down
    # The pixels whose centres lie in the box.
    first_row, last_row = _pixels(top, bottom, height)
    first_col, last_col = _pixels(left, right, width)
    spans = (
        (top - first_row, bottom - first_row, last_row - first_row),
        (left - first_col, right - first_col, last_col - first_col),
    )
    inside = (slice(first_row, last_row), slice(first_col, last_col))
    cv2 = opencv()
    heat = colours(scores, drawing, spans)
    blended = cv2.addWeighted(np.ascontiguousarray(pixels[inside]), 1 - drawing.alpha, heat, drawing.alpha, 0)
    if blended.shape == pixels.shape:
        return Image.fromarray(blended)
    canvas = cv2.convertScaleAbs(pixels, alpha=DIMMED)
    canvas[inside] = blended
    return Image.fromarray(canvas)


def _scaled(picture: Image.Image, drawing: Drawing) -> tuple[Array, float, float]:
    """Return the picture's pixels (height, width, 3) and the scale of x and of y, 1 where it is small enough."""
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    long_side = max(height, width)
    if drawing.full_size or long_side <= LONG_SIDE:
        return pixels, 1.0, 1.0
    new_height = max(1, round(height * LONG_SIDE / long_side))
    new_width = max(1, round(width * LONG_SIDE / long_side))
    cv2 = opencv()
    small = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_AREA)
    return small, new_width / width, new_height / height


def _pixels(start: float, end: float, length: int) -> tuple[int, int]:
    """Return the first pixel whose centre lies in [start, end) and the one after the last; at least one pixel."""
    first = min(max(int(np.ceil(start - 0.5)), 0), length - 1)
    last = max(min(int(np.ceil(end - 0.5)), length), first + 1)
    return first, last
