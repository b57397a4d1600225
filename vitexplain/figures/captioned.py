"""An overlay with its caption: class and probability, the method in words, a bar that says what its colours mean."""

from __future__ import annotations

import io
import threading
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from vitexplain.figures.files import FigureFormat, figure_file, png_of
from vitexplain.figures.grid import MARGIN
from vitexplain.figures.letters import broken, height
from vitexplain.figures.sheet import Sheet, dpi_of
from vitexplain.figures.words import METHODS, colour_ends, headline, panel_title
from vitexplain.render import Drawing, encode_picture
from vitexplain.render.heat import bar
from vitexplain.result import Explanation, Result

if TYPE_CHECKING:
    from PIL import Image

OverlayFormat = Literal["png", "svg", "pdf", "webp"]
OVERLAY_FORMATS: tuple[OverlayFormat, ...] = get_args(OverlayFormat)

_SIDE = 6.0
"""The longer side of the picture in inches."""
_TITLE, _TEXT, _BAR, _AIR = 11.0, 8.5, 0.1, 0.06
_NARROWEST = 3.0

_ONE_AT_A_TIME = threading.Lock()
"""matplotlib's settings and fonts are shared by all threads."""


def overlay_file(result: Result, explanation: Explanation, drawing: Drawing, form: str, captioned: bool) -> bytes:
    """Return the overlay of an explanation as a file with its picture's mark; text in SVG and PDF stays text.

    `form` is one of OVERLAY_FORMATS, or jpg. May be called from several threads: matplotlib serves one after the other.
    """
    if form not in ("svg", "pdf") and not captioned:
        return _file(result, explanation, drawing, form, captioned=False)
    with _ONE_AT_A_TIME:
        return _file(result, explanation, drawing, form, captioned=captioned)


def _file(result: Result, explanation: Explanation, drawing: Drawing, form: str, *, captioned: bool) -> bytes:
    from PIL import Image

    sha256 = result.picture.sha256
    if form in ("svg", "pdf"):
        vector: FigureFormat = "svg" if form == "svg" else "pdf"
        return figure_file(draw_captioned(result, explanation, drawing, captioned=captioned), vector, sha256)
    if captioned:
        sheet = draw_captioned(result, explanation, drawing, sharpness=1)
        if form == "png":
            return png_of(sheet.figure, sha256)
        with Image.open(io.BytesIO(png_of(sheet.figure, sha256))) as opened:
            image = opened.convert("RGB")
    else:
        image = _overlay(result, explanation, drawing)
    kind: Any = form
    return encode_picture(image, kind, sha256)


def draw_captioned(
    result: Result, explanation: Explanation, drawing: Drawing, *, captioned: bool = True, sharpness: int = 2
) -> Sheet:
    """Return the overlay on a sheet, above its caption unless that is left out.

    `sharpness`: pixels of the overlay for each of the sheet, more than 1 for a file that is enlarged.
    """
    from PIL import Image

    picture = _overlay(result, explanation, replace(drawing, colorbar=False))
    scale = _SIDE / max(picture.size)
    wide, tall = picture.width * scale, picture.height * scale
    # Pixel for pixel, because matplotlib would repeat or drop some.
    dpi = dpi_of(wide, tall) * sharpness
    picture = picture.resize((max(1, round(wide * dpi)), max(1, round(tall * dpi))), Image.Resampling.LANCZOS)
    if not captioned:
        sheet = Sheet(wide, tall)
        sheet.image(picture, 0, 0, wide, tall)
        return sheet
    room = max(wide, _NARROWEST)
    title = broken(headline(result, explanation), room, _TITLE, bold=True)
    words = METHODS.get(explanation.method)
    name = panel_title(explanation)
    about = broken(f"{name}: {words}" if words else name, room, _TEXT)
    ends = None if drawing.top_share is not None else colour_ends(explanation)
    left, right = ([], []) if ends is None else (broken(end, room / 2 - _AIR, _TEXT) for end in ends)
    below = 0.0 if ends is None else _AIR + _BAR + _AIR / 2 + height(max(len(left), len(right)), _TEXT)
    texts = height(len(title), _TITLE) + _AIR + height(len(about), _TEXT)
    sheet = Sheet(room + 2 * MARGIN, tall + texts + below + _AIR + 2 * MARGIN)
    y = MARGIN
    sheet.image(picture, MARGIN, y, wide, tall)
    y += tall + _AIR
    if ends is not None:
        colours = bar(drawing.of(explanation))
        sheet.image(Image.fromarray(np.ascontiguousarray(colours[None])), MARGIN, y, room, _BAR)
        sheet.frame(MARGIN, y, room, _BAR)
        y += _BAR + _AIR / 2
        sheet.text(MARGIN, y, left, _TEXT)
        sheet.text(MARGIN + room, y, right, _TEXT, ha="right")
        y += height(max(len(left), len(right)), _TEXT) + _AIR
    sheet.text(MARGIN, y, title, _TITLE, bold=True)
    sheet.text(MARGIN, y + height(len(title), _TITLE) + _AIR, about, _TEXT, color="0.25")
    return sheet


def _overlay(result: Result, explanation: Explanation, drawing: Drawing) -> Image.Image:
    assert result.drawn_by is not None
    return result.drawn_by(result, explanation, **asdict(drawing))
