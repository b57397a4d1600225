"""The overlay: scores drawn on the picture, exactly where the model looked; the rest is darker and grey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.colorbar import BAR_WIDTH, with_colorbar
from vitexplain.render.drawing import DIVERGING, LONG_SIDE, SHORTEST, Drawing, indistinct
from vitexplain.render.heat import heat_on_grey
from vitexplain.render.heatmap import Array, Spans, colours, levels, limits
from vitexplain.render.marks import draw_contours, draw_grid, draw_top, top_patches
from vitexplain.render.opencv import opencv
from vitexplain.render.outline import draw_outline

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

OUTSIDE = 0.6
"""Lightness of the picture outside the view, as a share of its own."""


def draw_overlay(
    picture: Image.Image, scores: Array, view: View, drawing: Drawing, outlined: Array | None = None
) -> Image.Image:
    """Return the picture (RGB, oriented) with scores (rows, cols) drawn on it at view.box, in the drawing's style.

    Outside the view, which the model did not see, the picture is grey and darker. Its longer side is scaled to 640
    pixels at least and 1,600 at most, the colour bar included; with drawing.full_size it keeps its size. `outlined`
    (rows, cols), bool: patches that get a contour.
    """

    def draw(seen: Array, spans: Spans, long_side: int) -> Array:
        drawn = _drawn(seen, scores, drawing, spans, long_side)
        if outlined is not None:
            draw_outline(drawn, outlined, spans, long_side)
        return drawn

    image = draw_on_view(picture, view, drawing, draw)
    return with_colorbar(image, scores, drawing) if drawing.colorbar else image


def draw_on_view(
    picture: Image.Image, view: View, drawing: Drawing, draw: Callable[[Array, Spans, int], Array]
) -> Image.Image:
    """Return the picture with what `draw` makes of the part at view.box, grey and darker outside; scaled as above.

    `draw` is given that part, uint8 (height, width, 3), where the grid of patches starts and ends on it, and the
    longer side of the whole.
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
    drawn = draw(np.ascontiguousarray(pixels[inside]), spans, max(height, width))
    if drawn.shape == pixels.shape:
        return Image.fromarray(drawn)
    grey = cv2.convertScaleAbs(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), alpha=OUTSIDE)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    canvas[inside] = drawn
    return Image.fromarray(canvas)


def _drawn(seen: Array, scores: Array, drawing: Drawing, spans: Spans, long_side: int) -> Array:
    """Return what the model saw, uint8 (height, width, 3), with the scores on it in the drawing's style."""
    cv2 = opencv()
    equal = drawing.scale is None and indistinct(*limits(scores, drawing))
    if equal and drawing.style in ("grey", "patches", "contour"):
        scores, drawing = np.zeros_like(scores), replace(drawing, scale=(0.0, 1.0), signed=False)  # nothing has colour
    if drawing.style == "contour":
        drawn = seen.copy()
        draw_contours(drawn, levels(scores, drawing, spans), drawing, long_side)
    elif drawing.top_share is not None:
        patches = top_patches(scores, drawing.top_share)
        drawn = draw_top(seen, cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), patches, spans, long_side)
    elif drawing.style == "blend":
        if drawing.map_name == DIVERGING:  # a red wall would seem to speak for the class
            seen = cv2.cvtColor(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        drawn = cv2.addWeighted(seen, 1 - drawing.opacity, colours(scores, drawing, spans), drawing.opacity, 0)
    else:
        drawn = heat_on_grey(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), levels(scores, drawing, spans), drawing)
    if drawing.grid or drawing.style == "patches":
        draw_grid(drawn, scores.shape, spans)
    return np.asarray(drawn)


def _scaled(picture: Image.Image, drawing: Drawing) -> tuple[Array, float, float]:
    """Return the picture's pixels (height, width, 3) and the scale of x and of y, 1 where it is small enough."""
    from PIL import Image

    width, height = picture.size
    room = LONG_SIDE - BAR_WIDTH * drawing.colorbar
    scale = min(room / width, LONG_SIDE / height, max(1.0, SHORTEST / max(width, height)))
    if drawing.full_size or scale == 1:
        return np.asarray(picture), 1.0, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Pillow's triangle filter after whole pixels were joined: a third of the time of OpenCV's area filter.
    filter_ = Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.BICUBIC
    scaled = picture.resize(size, filter_, reducing_gap=1.0 if scale < 1 else None)
    return np.asarray(scaled), size[0] / width, size[1] / height


def _pixels(start: float, end: float, length: int) -> tuple[int, int]:
    """Return the first pixel whose centre lies in [start, end) and the one after the last; at least one pixel."""
    first = min(max(int(np.ceil(start - 0.5)), 0), length - 1)
    last = max(min(int(np.ceil(end - 0.5)), length), first + 1)
    return first, last
