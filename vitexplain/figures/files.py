"""Figures as files: PNG, SVG or PDF, the same bytes for the same figure, marked with the image they belong to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vitexplain.render import encode_png, end_mark

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from vitexplain.figures.sheet import Sheet

FigureFormat = Literal["png", "svg", "pdf"]
FIGURE_FORMATS: tuple[FigureFormat, ...] = ("png", "svg", "pdf")


def page_files(sheets: Sequence[Sheet], form: FigureFormat, sha256: str) -> list[bytes]:
    """Return the files of a figure's pages: one for each, or one PDF of them all."""
    if form == "pdf":
        return [_marked(_pdf(sheets), form, sha256)]
    return [figure_file(sheet, form, sha256) for sheet in sheets]


def figure_file(sheet: Sheet, form: FigureFormat, sha256: str) -> bytes:
    """Return the sheet as a file that carries "vitexplain:<sha256>": a text chunk in PNG, a comment in SVG and PDF."""
    if form == "png":
        return png_of(sheet.figure, sha256)
    return _marked(_pdf([sheet]) if form == "pdf" else _svg(sheet), form, sha256)


def _marked(data: bytes, form: FigureFormat, sha256: str) -> bytes:
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


def _svg(sheet: Sheet) -> bytes:
    import matplotlib

    stream = io.BytesIO()
    # No date and names from a fixed seed: the same figure gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "vitexplain", "svg.fonttype": "none"}):
        sheet.figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "vitexplain"}, dpi=sheet.dpi)
    return stream.getvalue()


def _pdf(sheets: Sequence[Sheet]) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    stream = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}), PdfPages(stream, metadata={"CreationDate": None}) as pages:
        for sheet in sheets:
            pages.savefig(sheet.figure, dpi=sheet.dpi)
    return stream.getvalue()
