"""Heat: a colour and an opacity for each place on the colour scale, laid on the photograph in grey.

Nothing has no colour: a patch of the lowest score, or of 0 where scores are signed, shows the photograph's own grey.
"""

from __future__ import annotations

import functools

import numpy as np

from vitexplain.render.drawing import Drawing
from vitexplain.render.heatmap import Array, palette
from vitexplain.render.opencv import opencv

DIMMED = 0.85
"""Lightness of the photograph in grey, as a share of its own: colours of heat stand out on white fur, too."""

_DARK_AT_FIRST = ("inferno", "magma", "plasma", "viridis", "cividis", "hot")
_FIRST = 0.4
"""Maps that begin dark are taken from here on: the purple of inferno would lie on the photograph as a haze."""

_RISE = 1.2
"""The opacity grows with this power of the score: weak scores, which are many, leave the photograph alone."""

_COLD = ((25, 80, 180), (120, 205, 255))
"""RGB of what speaks against: from weak to strong. Colour-blind readers tell this blue from heat."""


def heat_on_grey(luma: Array, levels: Array, drawing: Drawing) -> Array:
    """Return uint8 (height, width, 3), RGB: the photograph's grey `luma` under the heat of `levels`, both uint8."""
    cv2 = opencv()
    colour, rest = tables(drawing)
    dimmed = cv2.multiply(luma, cv2.LUT(levels, rest), scale=DIMMED / 255)
    return np.asarray(cv2.add(cv2.cvtColor(dimmed, cv2.COLOR_GRAY2RGB), cv2.applyColorMap(levels, colour[:, None])))


def tables(drawing: Drawing) -> tuple[Array, Array]:
    """Return for each of 256 levels its colour times its opacity, uint8 (256, 3), and 255 times the rest of it."""
    return _tables(drawing.colormap, _zero(drawing), drawing.opacity)


def bar(drawing: Drawing) -> Array:
    """Return the colours of the scale as the overlay has them, uint8 (256, 3); heat lies on a middle grey."""
    if drawing.style == "blend":
        return palette(drawing.map_name)
    if drawing.style == "contour":
        return np.asarray(ramp(drawing).round().astype(np.uint8))
    middle = np.full((1, 256), 128, np.uint8)
    return np.asarray(heat_on_grey(middle, np.arange(256, dtype=np.uint8)[None], drawing)[0])


def ramp(drawing: Drawing) -> Array:
    """Return the colour of each of 256 levels without its opacity, float64 (256, 3)."""
    return _ramp(drawing.colormap, _zero(drawing))


def strengths(drawing: Drawing) -> Array:
    """Return how far each of 256 levels speaks for something, 0 to 1; below 0 against it."""
    return _strengths(_zero(drawing))


def _zero(drawing: Drawing) -> int:
    """Return the level that has no colour: that of the score 0 for signed scores, else the lowest."""
    if not drawing.signed or drawing.scale is None:
        return 0
    low, high = drawing.scale
    return int(min(max((-low / 2) / (high / 2 - low / 2), 0.0), 1.0) * 255 + 0.5)


@functools.cache
def _strengths(zero: int) -> Array:
    """Return the distances from the level `zero`; the same distance is as strong on both sides of it."""
    return np.asarray((np.arange(256) - zero) / max(zero, 255 - zero))


@functools.cache
def _tables(colormap: str, zero: int, opacity: float) -> tuple[Array, Array]:
    share = opacity * np.abs(_strengths(zero)) ** _RISE
    colour = _ramp(colormap, zero) * share[:, None]
    return colour.round().astype(np.uint8), (255 * (1 - share)).round().astype(np.uint8)


@functools.cache
def _ramp(colormap: str, zero: int) -> Array:
    strength = _strengths(zero)
    heat, most = palette(colormap).astype(np.float64), np.abs(strength)
    first = _FIRST if colormap in _DARK_AT_FIRST else 0.0
    channels = [
        np.where(
            strength >= 0,
            np.interp(first + (1 - first) * most, np.linspace(0, 1, 256), heat[:, channel]),
            np.interp(most, (0, 1), (_COLD[0][channel], _COLD[1][channel])),
        )
        for channel in range(3)
    ]
    return np.stack(channels, axis=1)
