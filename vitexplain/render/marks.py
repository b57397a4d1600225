"""Marks on an overlay: contours of equal score, the patches of the highest scores, lines between the patches."""

from __future__ import annotations

import numpy as np

from vitexplain.render.drawing import Drawing
from vitexplain.render.heat import ramp, strengths
from vitexplain.render.heatmap import Array, Span, Spans, places
from vitexplain.render.opencv import opencv
from vitexplain.render.outline import draw_outline

CONTOURS = (0.25, 0.5, 0.75)
"""Where contours lie, as shares of the colour scale."""

UNIMPORTANT = 0.45
"""Lightness of the patches that the style top leaves out, grey, as a share of their own."""

_SHARE = 1 / 250
"""Thickness of a contour's coloured line as a share of the picture's longer side, at least a pixel."""


def draw_contours(canvas: Array, levels: Array, drawing: Drawing, long_side: int) -> None:
    """Draw lines of equal score on the canvas (height, width, 3), in place: each of its colour, with a dark edge."""
    cv2, strength, colours = opencv(), strengths(drawing), ramp(drawing)
    reach = max(1, round(long_side * _SHARE))
    ring, edge = (np.ones((2 * size + 1, 2 * size + 1), np.uint8) for size in (reach, (reach + 1) // 2))
    for sign in (1, -1):
        for share in CONTOURS:
            reached = sign * strength >= share
            if not reached.any():
                continue
            inside = cv2.LUT(levels, reached.astype(np.uint8))
            level = int(np.flatnonzero(reached)[0 if sign > 0 else -1])
            inner = cv2.erode(inside, ring, borderType=cv2.BORDER_CONSTANT, borderValue=1)
            canvas[(cv2.dilate(inside, edge) > inside)] = 0
            canvas[inside > inner] = colours[level]


def top_patches(scores: Array, share: float) -> Array:
    """Return which patches (rows, cols) are the share of the highest scores, at least one; of equal ones the first."""
    count = max(1, round(share * scores.size))
    chosen = np.zeros(scores.size, bool)
    chosen[np.argsort(-scores.astype(np.float64), axis=None, kind="stable")[:count]] = True
    return np.asarray(chosen.reshape(scores.shape))


def draw_top(seen: Array, luma: Array, patches: Array, spans: Spans, long_side: int) -> Array:
    """Return the photograph `seen` (height, width, 3) in colour on these patches, dark and grey elsewhere."""
    cv2 = opencv()
    rows, cols = (places(span, count) for span, count in zip(spans, patches.shape, strict=True))
    canvas = cv2.cvtColor(cv2.convertScaleAbs(luma, alpha=UNIMPORTANT), cv2.COLOR_GRAY2RGB)
    inside = patches[rows][:, cols]
    canvas[inside] = seen[inside]
    draw_outline(canvas, patches, spans, long_side)
    return np.asarray(canvas)


def draw_grid(canvas: Array, shape: tuple[int, ...], spans: Spans) -> None:
    """Draw thin lines between the patches of a grid of `shape` on the canvas, in place; they have no colour."""
    for row in _borders(spans[0], shape[0]):
        canvas[row] = canvas[row] // 2 + 48
    for col in _borders(spans[1], shape[1]):
        canvas[:, col] = canvas[:, col] // 2 + 48


def _borders(span: Span, count: int) -> Array:
    """Return the first pixel of every patch but the first."""
    return np.asarray(np.flatnonzero(np.diff(places(span, count))) + 1)
