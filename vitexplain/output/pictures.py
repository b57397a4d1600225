"""The pictures of a result: overlay, heatmap and cut layers of one of its explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.errors import UsageError
from vitexplain.render import (
    Drawing,
    PictureFormat,
    draw_cut_layers,
    draw_heatmap,
    draw_overlay,
    encode_picture,
    encode_png,
)
from vitexplain.result import Explanation, Result

if TYPE_CHECKING:
    from PIL import Image


def draw_explanation(result: Result, explanation: Explanation, **drawing: Any) -> Image.Image:
    """Return the overlay of an explanation; keywords are the fields of Drawing."""
    return _overlay(result, explanation, Drawing(**drawing))


def picture_file(
    kind: str, result: Result, explanation: Explanation, drawing: Drawing, form: PictureFormat = "png"
) -> bytes:
    """Return the file of an overlay in this format, or the PNG of a heatmap or cut_layers, with the input's mark."""
    sha256 = result.picture.sha256
    if kind == "overlay":
        return encode_picture(_overlay(result, explanation, drawing), form, sha256)
    if kind == "heatmap":
        return encode_png(draw_heatmap(explanation.scores, result.view, drawing.of(explanation)), sha256, photo=False)
    first = [[layers[0] if layers else 0 for layers in row] for row in explanation.cut_layers or ()]
    image = draw_cut_layers(
        result.picture.image, np.array(first), result.view, explanation.layers, full_size=drawing.full_size
    )
    return encode_png(image, sha256)


def _overlay(result: Result, explanation: Explanation, drawing: Drawing) -> Image.Image:
    outlined = None
    if drawing.outline:
        if explanation.check is None:
            raise UsageError("`outline=True` draws the patches that a check found: explain with `check=True`")
        outlined = explanation.check.outlined(*explanation.scores.shape)
    return draw_overlay(result.picture.image, explanation.scores, result.view, drawing.of(explanation), outlined)
