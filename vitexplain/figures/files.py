"""Figures as files: PNG, SVG or PDF, the same bytes for the same figure, marked with the image they belong to."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vitexplain.render import encode_png, end_mark

if TYPE_CHECKING:
    from vitexplain.figures.sheet import Sheet

FigureFormat = Literal["png", "svg", "pdf"]
FIGURE_FORMATS: tuple[FigureFormat, ...] = ("png", "svg", "pdf")


def figure_file(sheet: Sheet, form: FigureFormat, sha256: str) -> bytes:
    """Return the sheet as a file that carries "vitexplain:<sha256>": a text chunk in PNG, a comment in SVG and PDF."""
    if form == "png":
        return _png(sheet, sha256)
    data = _vector(sheet, form)
    if form == "svg":
        head, _, rest = data.partition(b"\n")
        return b"\n".join((head, f"<!-- vitexplain:{sha256} -->".encode("ascii"), rest))
    return data + b"%" + end_mark(sha256)


def _png(sheet: Sheet, sha256: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(sheet.figure)
    canvas.draw()
    return encode_png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), sha256, photo=False)


def _vector(sheet: Sheet, form: FigureFormat) -> bytes:
    import matplotlib

    stream = io.BytesIO()
    # No date and names from a fixed seed: the same figure gives the same bytes.
    nameless = {"Date": None, "Creator": "vitexplain"} if form == "svg" else {"CreationDate": None}
    with matplotlib.rc_context({"svg.hashsalt": "vitexplain", "svg.fonttype": "path", "pdf.fonttype": 42}):
        sheet.figure.savefig(stream, format=form, metadata=nameless, dpi=sheet.dpi)
    return stream.getvalue()
