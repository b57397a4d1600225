"""The heatmap: scores enlarged and coloured, every patch's score exactly at the patch's centre."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.render.drawing import DIVERGING, Drawing, indistinct
from vitexplain.render.opencv import opencv

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

Array = np.ndarray[Any, np.dtype[Any]]
Span = tuple[float, float, int]
Spans = tuple[Span, Span]

_BLUE_TO_RED = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31))
"""RGB of the diverging map from end to end: five colours of ColorBrewer's RdBu, by Cynthia Brewer."""


def draw_heatmap(scores: Array, view: View, drawing: Drawing) -> Image.Image:
    """Return the heatmap of scores (rows, cols) alone, in the size of the view: what the model saw, in its pixels."""
    from PIL import Image

    height, width = view.size
    return Image.fromarray(colours(scores, drawing, spans=((0.0, height, height), (0.0, width, width))))


def colours(scores: Array, drawing: Drawing, spans: Spans) -> Array:
    """Return uint8 colours (height, width, 3), RGB.

    `spans` has for the rows and for the columns: where the grid starts and ends on the canvas, in pixels (fractions
    and places outside the canvas included), and the canvas's length.
    """
    return np.asarray(opencv().applyColorMap(levels(scores, drawing, spans), palette(drawing.map_name)[:, None]))


def levels(scores: Array, drawing: Drawing, spans: Spans) -> Array:
    """Return the place of each pixel (height, width) on the colour scale, uint8 from 0 to 255; `spans` as above."""
    (top, bottom, height), (left, right, width) = spans
    if drawing.flat:
        squares = (shares(scores, drawing) * 255 + 0.5).astype(np.uint8)
        return np.ascontiguousarray(squares[places(spans[0], scores.shape[0])][:, places(spans[1], scores.shape[1])])
    small = shares(scores, drawing).astype(np.float32)
    full = enlarged(enlarged(small.T, left, right, width).T, top, bottom, height)
    return np.asarray((full * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def places(span: Span, count: int) -> Array:
    """Return which of `count` patches the centre of each pixel lies in."""
    start, end, length = span
    found = np.floor((np.arange(length) + 0.5 - start) / (end - start) * count)
    return np.asarray(np.clip(found, 0, count - 1).astype(np.int64))


def shares(scores: Array, drawing: Drawing) -> Array:
    """Return scores as float64 shares of the colour scale, 0 to 1; equal ones all get the middle of the map."""
    low, high = limits(scores, drawing)
    values = scores.astype(np.float64)
    if drawing.scale is None and indistinct(low, high):
        return np.full_like(values, 0.5)
    # Halves first: the difference of two finite numbers may overflow.
    return np.clip((values / 2 - low / 2) / (high / 2 - low / 2), 0, 1)


def limits(scores: Array, drawing: Drawing) -> tuple[float, float]:
    """Return the scores that get the map's first and last colour."""
    return (float(scores.min()), float(scores.max())) if drawing.scale is None else drawing.scale


def enlarged(values: Array, start: float, end: float, length: int) -> Array:
    """Return values (patches, K) enlarged to (length, K), float32: monotone cubic interpolation down each column.

    A pixel at a patch's centre gets that patch's value, one between two centres a value between theirs (a plain cubic
    would draw dark rings around a peak, and brighter peaks than there are). Beyond the outer centres the value stays.
    The slopes are those of Fritsch & Butland, "A Method for Constructing Local Monotone Piecewise Cubic Interpolants",
    1984. No matrix product: both numpy's and OpenCV's keep every core busy for milliseconds, which the model needs.
    """
    patches = values.shape[0]
    if patches == 1:
        return np.repeat(values, length, axis=0)
    steps = np.diff(values, axis=0)
    both = steps[1:] * steps[:-1]
    slopes = np.zeros_like(values)
    # The harmonic mean of the steps on both sides; at a peak, a dip and both ends the slope is 0.
    np.divide(2 * both, steps[1:] + steps[:-1], out=slopes[1:-1], where=both > 0)
    centre = np.clip((np.arange(length) + 0.5 - start) / (end - start) * patches - 0.5, 0, patches - 1)
    before = np.minimum(centre.astype(np.int64), patches - 2)
    t = (centre - before).astype(np.float32)[:, None]
    # ((cubic * t + square) * t + slope) * t + value, with the coefficients of the patch before the pixel.
    square = 3 * steps - 2 * slopes[:-1] - slopes[1:]
    cubic = slopes[:-1] + slopes[1:] - 2 * steps
    whole = cubic[before]
    for coefficient in (square, slopes, values):
        whole *= t
        whole += coefficient[before]
    # Rounding may leave the range by a hair.
    return np.asarray(whole.clip(values.min(), values.max()))


@functools.cache
def palette(name: str) -> Array:
    """Return the 256 colours of a map, uint8 (256, 3), RGB."""
    if name == DIVERGING:
        places = np.linspace(0, 255, len(_BLUE_TO_RED))
        ramps = [np.interp(np.arange(256), places, channel) for channel in np.transpose(_BLUE_TO_RED)]
        return np.ascontiguousarray(np.stack(ramps, axis=1).round().astype(np.uint8))
    cv2 = opencv()
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], getattr(cv2, f"COLORMAP_{name.upper()}"))
    return np.ascontiguousarray(ramp[:, 0, ::-1])
