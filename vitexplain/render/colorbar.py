"""The colour bar beside an overlay: which colour stands for which score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.drawing import Drawing
from vitexplain.render.heat import bar
from vitexplain.render.heatmap import Array, limits, shares

if TYPE_CHECKING:
    from PIL import Image

BAR_WIDTH = 84
"""Pixels that the bar and its labels take at the right of the picture."""

_SHORTEST = 96
_MARGIN, _THICK, _FONT = 12, 16, 13


def with_colorbar(image: Image.Image, scores: Array, drawing: Drawing) -> Image.Image:
    """Return the overlay with the bar at its right, the picture itself unmoved at the top left.

    Heat is shown on a middle grey, the colours of a blend without the photograph. The ends of the scale stand at the
    bar's ends; a "<" or ">" says that scores lie beyond.
    """
    from PIL import Image, ImageDraw, ImageFont

    height = max(image.height, _SHORTEST)
    canvas = Image.new("RGB", (image.width + BAR_WIDTH, height), "white")
    canvas.paste(image, (0, 0))
    top, bottom, left = _MARGIN + _FONT, height - _MARGIN - _FONT, image.width + _MARGIN
    equal = drawing.scale is None and bool(np.ptp(shares(scores, drawing)) == 0)
    levels = np.full(bottom - top, 128) if equal else np.linspace(255, 0, bottom - top).round().astype(np.int64)
    strip = np.repeat(bar(drawing)[levels][:, None], _THICK, axis=1)
    canvas.paste(Image.fromarray(np.ascontiguousarray(strip)), (left, top))
    low, high = limits(scores, drawing)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_FONT)
    above, below = bool((scores > high).any()), bool((scores < low).any())
    draw.text((left, top - 3), f"{'> ' * above}{high:.3g}", fill="black", font=font, anchor="ls")
    draw.text((left, bottom + 3), f"{'< ' * below}{low:.3g}", fill="black", font=font, anchor="lt")
    return canvas
