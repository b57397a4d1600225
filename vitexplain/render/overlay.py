"""The overlay: the heatmap blended onto the picture, exactly where the model looked; the rest is darker and grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.colorbar import BAR_WIDTH, with_colorbar
from vitexplain.render.drawing import DIVERGING, LONG_SIDE, Drawing
from vitexplain.render.heatmap import Array, colours
from vitexplain.render.opencv import opencv
from vitexplain.render.outline import draw_outline

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

OUTSIDE = 0.6
"""Lightness of the picture outside the view, as a share of its own. Grey, because dark alone would mean a low score."""


def draw_overlay(
    picture: Image.Image, scores: Array, view: View, drawing: Drawing, outlined: Array | None = None
) -> Image.Image:
    """Return the picture (RGB, oriented) with the heatmap of scores (rows, cols) at view.box.

    Outside the view, which the model did not see, the picture is grey. For signed scores all of it is grey: a red wall
    would seem to speak for the class. It is scaled down to at most 1,600 pixels a side, the colour bar included, and
    never up; with drawing.full_size it keeps its size. `outlined` (rows, cols), bool: patches that get a contour.
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
    heat, seen = colours(scores, drawing, spans), np.ascontiguousarray(pixels[inside])
    if drawing.colormap == DIVERGING:
        seen = cv2.cvtColor(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    blended = cv2.addWeighted(seen, 1 - drawing.alpha, heat, drawing.alpha, 0)
    if outlined is not None:
        draw_outline(blended, outlined, spans, max(height, width))
    canvas = blended
    if blended.shape != pixels.shape:
        grey = cv2.convertScaleAbs(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), alpha=OUTSIDE)
        canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
        canvas[inside] = blended
    image = Image.fromarray(canvas)
    return with_colorbar(image, scores, drawing) if drawing.colorbar else image


def _scaled(picture: Image.Image, drawing: Drawing) -> tuple[Array, float, float]:
    """Return the picture's pixels (height, width, 3) and the scale of x and of y, 1 where it is small enough."""
    from PIL import Image

    width, height = picture.size
    room = LONG_SIDE - BAR_WIDTH * drawing.colorbar
    scale = min(room / width, LONG_SIDE / height, 1.0)
    if drawing.full_size or scale == 1:
        return np.asarray(picture), 1.0, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Pillow's triangle filter after whole pixels were joined: a third of the time of OpenCV's area filter.
    small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    return np.asarray(small), size[0] / width, size[1] / height


def _pixels(start: float, end: float, length: int) -> tuple[int, int]:
    """Return the first pixel whose centre lies in [start, end) and the one after the last; at least one pixel."""
    first = min(max(int(np.ceil(start - 0.5)), 0), length - 1)
    last = max(min(int(np.ceil(end - 0.5)), length), first + 1)
    return first, last
