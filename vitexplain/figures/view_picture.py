"""The picture in a figure: the part that the model saw under a panel's heatmap, and the whole with that part framed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitexplain.images import View
from vitexplain.render import Drawing, draw_overlay
from vitexplain.result import Explanation, Result

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[float, float, float, float]


def seen_box(result: Result) -> Box:
    """Return the part (x0, y0, x1, y1) of the picture that the model saw, in its pixels, without any border added."""
    x0, y0, x1, y1 = result.view.box
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(result.picture.width)), min(y1, float(result.picture.height))


def seen(result: Result, size: tuple[int, int]) -> Image.Image:
    """Return the part of the picture that the model saw, scaled to `size` (width, height)."""
    from PIL import Image

    return result.picture.image.resize(size, Image.Resampling.BICUBIC, box=seen_box(result), reducing_gap=2.0)


def panel_picture(part: Image.Image, result: Result, explanation: Explanation, drawing: Drawing) -> Image.Image:
    """Return the heatmap of the explanation on `part`, which is what `seen` returns."""
    left, top, right, bottom = seen_box(result)
    across, down = part.width / (right - left), part.height / (bottom - top)
    x0, y0, x1, y1 = result.view.box
    box = ((x0 - left) * across, (y0 - top) * down, (x1 - left) * across, (y1 - top) * down)
    view = View(result.view.kind, box, result.view.size)
    return draw_overlay(part, explanation.scores, view, replace(drawing.of(explanation), full_size=True))


def grey(part: Image.Image) -> Image.Image:
    """Return a pale grey picture, for a panel that shows no scores."""
    from PIL import Image

    return Image.blend(part.convert("L").convert("RGB"), Image.new("RGB", part.size, "white"), 0.6)


def patch_picture(result: Result, patch: tuple[int, int], side: int) -> Image.Image:
    """Return the part of the picture under the patch at (row, col), `side` pixels square."""
    x0, y0, x1, y1 = result.view.box
    rows, cols = result.model.grid
    row, col = patch
    width, tall = (x1 - x0) / cols, (y1 - y0) / rows
    left, top = round(x0 + width * col), round(y0 + tall * row)
    box = (left, top, max(round(x0 + width * (col + 1)), left + 1), max(round(y0 + tall * (row + 1)), top + 1))
    return result.picture.image.crop(box).resize((side, side))
