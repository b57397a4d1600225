"""Cut layers: the photograph in grey, every patch tinted by the layer that carries most of its minimum cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.drawing import LONG_SIDE, Drawing
from vitexplain.render.heatmap import Array, Spans, palette, places
from vitexplain.render.marks import draw_grid
from vitexplain.render.opencv import opencv
from vitexplain.render.overlay import draw_on_view

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import View

NO_FLOW = (128, 128, 128)
"""In the legend, for patches without a cut: nothing flows to them, and the photograph stays as it is."""

SOURCE = (0, 190, 160)
"""Colour of a patch whose cut lies above the last layer, on the edges of a virtual source."""

TINT = 0.55
"""Opacity of a layer's colour on the photograph."""

_DARKEST, _LIGHTEST = 70, 215
"""Ends of the photograph's greys: black and white themselves would hide which layer a tint stands for."""

_LETTERS = 1 / 42
"""Size of the legend's letters as a share of the picture's longer side."""


def draw_cut_layers(
    picture: Image.Image, grid: Array, view: View, layers: tuple[int, int], *, full_size: bool = False
) -> Image.Image:
    """Return the picture (RGB, oriented) with a grid (rows, cols) of layer numbers on it at view.box, 0 for no cut.

    `layers` are both ends of the graph; a number beyond the last stands for the edges of a virtual source. One colour
    per layer, the same for the same `layers` in every picture; the legend at the right gives each layer's share. The
    picture is scaled as an overlay is.
    """

    def draw(seen: Array, spans: Spans, _: int) -> Array:
        cv2 = opencv()
        rows, cols = (places(span, count) for span, count in zip(spans, grid.shape, strict=True))
        luma = cv2.convertScaleAbs(
            cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), alpha=(_LIGHTEST - _DARKEST) / 255, beta=_DARKEST
        )
        grey = cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)
        tint = _tints(grid, layers)[rows][:, cols]
        drawn = np.ascontiguousarray(cv2.addWeighted(grey, 1 - TINT, tint, TINT, 0))
        empty = grid[rows][:, cols] == 0
        drawn[empty] = grey[empty]
        draw_grid(drawn, grid.shape, spans)
        return drawn

    return _with_legend(draw_on_view(picture, view, Drawing(full_size=full_size), draw), grid, layers)


def _with_legend(image: Image.Image, grid: Array, layers: tuple[int, int]) -> Image.Image:
    """Return the picture with the legend at its right: the colours as they lie on a middle grey."""
    from PIL import Image, ImageDraw, ImageFont

    size = round(min(max(image.size), LONG_SIDE) * _LETTERS)
    font = ImageFont.load_default(size)
    title = ("Layer with most of", "the minimum cut:")
    used = [int(layer) for layer in np.unique(grid)]
    step, left = 2 * size, image.width + size
    room = int(font.getlength(max(title, key=len))) + 3 * size
    canvas = Image.new("RGB", (image.width + room, max(image.height, step * (len(used) + 3))), "white")
    canvas.paste(image, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for place, words in enumerate(title):
        draw.text((left, size + place * round(1.3 * size)), words, fill="black", font=font, anchor="lm")
    for place, layer in enumerate(used, 2):
        top = step * place
        tint = np.array(_colour(layer, *layers))
        colour = tuple((TINT * tint + (1 - TINT) * 128).round().astype(int).tolist())
        draw.rectangle((left, top, left + size, top + size), fill=colour, outline=(90, 90, 90))
        share = 100 * np.count_nonzero(grid == layer) / grid.size
        name = "no flow" if layer == 0 else "source" if layer > layers[1] else f"layer {layer}"
        words = f"{name}: {'<1' if share < 1 else f'{share:.0f}'}%"
        draw.text((left + 1.7 * size, top + size / 2), words, fill="black", font=font, anchor="lm")
    return canvas


def _tints(grid: Array, layers: tuple[int, int]) -> Array:
    """Return the colour of each patch, uint8 (rows, cols, 3)."""
    colours = np.zeros((*grid.shape, 3), np.uint8)
    for layer in np.unique(grid):
        colours[grid == layer] = _colour(int(layer), *layers)
    return colours


def _colour(layer: int, first: int, last: int) -> tuple[int, int, int]:
    """Return the colour of a layer between the two ends, or beyond them."""
    if layer == 0:
        return NO_FLOW
    if layer > last:
        return SOURCE
    red, green, blue = palette("plasma")[round(255 * (layer - first) / max(last - first, 1))]
    return int(red), int(green), int(blue)
