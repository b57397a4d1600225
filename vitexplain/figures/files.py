"""Figures as files: PNG, SVG or PDF, the same bytes for the same figure, marked with the image they belong to."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vitexplain.render import encode_png, end_mark

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from vitexplain.figures.sheet import Sheet

FigureFormat = Literal["png", "svg", "pdf"]
FIGURE_FORMATS: tuple[FigureFormat, ...] = ("png", "svg", "pdf")


def figure_file(sheet: Sheet, form: FigureFormat, sha256: str) -> bytes:
    """Return the sheet as a file that carries "vitexplain:<sha256>": a text chunk in PNG, a comment in SVG and PDF."""
    if form == "png":
        return png_of(sheet.figure, sha256)
    data = _vector(sheet, form)
    if form == "svg":
        declaration, _, rest = data.partition(b"\n")
        return b"\n".join((declaration, f"<!-- vitexplain:{sha256} -->".encode("ascii"), rest))
    return data + b"%" + end_mark(sha256)


def png_of(figure: Figure, sha256: str) -> bytes:
    """Return a matplotlib figure as PNG that carries "vitexplain:<sha256>"."""
    return encode_png(image_of(figure), sha256, photo=False)


def image_of(figure: Figure) -> Image.Image:
    """Return a matplotlib figure as a picture (RGB)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _vector(sheet: Sheet, form: FigureFormat) -> bytes:
    import matplotlib

    stream = io.BytesIO()
    # No date and names from a fixed seed: the same figure gives the same bytes.
    nameless = {"Date": None, "Creator": "vitexplain"} if form == "svg" else {"CreationDate": None}
    with matplotlib.rc_context({"svg.hashsalt": "vitexplain", "svg.fonttype": "none", "pdf.fonttype": 42}):
        sheet.figure.savefig(stream, format=form, metadata=nameless, dpi=sheet.dpi)
    return stream.getvalue()
