"""The outline: a thin contour around some patches, white with a black edge, readable on any picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitexplain.render.heatmap import Array, Spans, places
from vitexplain.render.opencv import opencv

_SHARE = 1 / 500
"""Thickness of each of the two lines as a share of the picture's longer side, at least a pixel."""


def draw_outline(
    canvas: Array,
    patches: Array,
    spans: Spans,
    long_side: int,
) -> None:
    """Draw the contour of patches (rows, cols), bool, on the canvas (height, width, 3), in place.

    `spans` as in `colours`: where the grid starts and ends on the canvas, and the canvas's length. The white line lies
    inside the patches, the black one around it.
    """
    cv2 = opencv()
    rows, cols = (places(span, count) for span, count in zip(spans, patches.shape, strict=True))
    inside = np.ascontiguousarray(patches[rows][:, cols].astype(np.uint8))
    reach = max(1, round(long_side * _SHARE))
    square: Any = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    # What lies beyond the canvas counts as outside, so that the contour closes at its edges.
    shrunk = cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    canvas[cv2.dilate(inside, square) > inside] = 0
    canvas[inside > shrunk] = 255
