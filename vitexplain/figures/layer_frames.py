"""layer_frames: the overlay of a method layer by layer, one frame each, for an animation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from vitexplain.figures.frame import SMALL, TEXT, TITLE, WIDTH, Frame
from vitexplain.figures.grid import MARGIN
from vitexplain.figures.letters import broken, height
from vitexplain.figures.panels import layers_shown, spec_without
from vitexplain.figures.sheet import Sheet
from vitexplain.figures.words import METHODS, colour_ends, headline
from vitexplain.render import Drawing
from vitexplain.render.heat import bar
from vitexplain.render.heatmap import limits
from vitexplain.result import Explanation, Result

_TALLEST = 4.6
"""The tallest picture in inches."""
_BAR, _AIR, _TICK = 0.09, 0.06, 0.11
_TICKS = 2.2
"""The longest row of ticks in inches."""


def layer_frames(result: Result, explanations: Sequence[Explanation], drawing: Drawing) -> list[Frame]:
    """Return a frame for each explanation, all of one method and in the order of layers.

    Below the overlay stand the layers that it shows, in words and as ticks, and the ends of its own colour scale.
    """
    return [_frame(result, each, replace(drawing, colorbar=False)) for each in explanations]


def _frame(result: Result, explanation: Explanation, drawing: Drawing) -> Frame:
    from PIL import Image

    assert result.drawn_by is not None
    picture = result.drawn_by(result, explanation, **asdict(drawing))
    room = WIDTH - 2 * MARGIN
    scale = min(room / picture.width, _TALLEST / picture.height)
    wide, tall = picture.width * scale, picture.height * scale
    title = broken(headline(result, explanation), room, TITLE, bold=True)
    words = METHODS.get(explanation.method)
    name = spec_without(explanation, "layers")
    about = broken(f"{name}: {words}" if words else name, room, TEXT)
    left, right = (broken(end, room / 2 - _AIR, SMALL) for end in _ends(explanation, drawing))
    above = MARGIN + height(len(title), TITLE) + height(len(about), TEXT) + _AIR
    below = _AIR + height(1, TITLE) + _AIR
    colours = _BAR + _AIR / 2 + height(max(len(left), len(right)), SMALL) if drawing.top_share is None else 0.0
    frame = Frame(Sheet(WIDTH, above + tall + below + colours + MARGIN))
    sheet = frame.sheet
    sheet.text(MARGIN, MARGIN, title, TITLE, bold=True)
    sheet.text(MARGIN, MARGIN + height(len(title), TITLE), about, TEXT, color="0.25")
    frame.picture(picture, MARGIN + (room - wide) / 2, above, wide, tall)
    y = above + tall + _AIR
    sheet.text(MARGIN, y, layers_shown(explanation), TITLE, bold=True)
    _ticks(sheet, result.model.layers, explanation.layers, y)
    y += height(1, TITLE) + _AIR
    if drawing.top_share is None:
        sheet.image(Image.fromarray(np.ascontiguousarray(bar(drawing.of(explanation))[None])), MARGIN, y, room, _BAR)
        sheet.frame(MARGIN, y, room, _BAR)
        y += _BAR + _AIR / 2
        sheet.text(MARGIN, y, left, SMALL)
        sheet.text(MARGIN + room, y, right, SMALL, ha="right")
    return frame


def _ends(explanation: Explanation, drawing: Drawing) -> tuple[str, str]:
    """Return what the colours at both ends of the scale mean, and the scores there."""
    low, high = limits(explanation.scores, drawing.of(explanation))
    left, right = colour_ends(explanation)
    below, above = bool((explanation.scores < low).any()), bool((explanation.scores > high).any())
    return f"{left}: {'< ' * below}{low:.3g}", f"{right}: {'> ' * above}{high:.3g}"


def _ticks(sheet: Sheet, count: int, layers: tuple[int, int], y: float) -> None:
    """Draw a square for each layer of the model at the right, those filled that the frame shows."""
    pitch = min(1.5 * _TICK, _TICKS / count)
    left, top = WIDTH - MARGIN - pitch * count, y + (height(1, TITLE) - _TICK) / 2
    for layer in range(1, count + 1):
        fill = "#d55e00" if layers[0] <= layer <= layers[1] else "0.88"
        sheet.frame(
            left + pitch * (layer - 0.75), top, pitch / 1.5, _TICK, facecolor=fill, edgecolor="none", linewidth=0
        )
