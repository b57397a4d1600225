"""The panel of cut layers: for every patch the layer that carries most of its minimum cut, as flat squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.heatmap import Array, palette

if TYPE_CHECKING:
    from PIL import Image

GREY = (200, 200, 200)
"""Colour of a patch without a cut: nothing flows to it."""

SOURCE = (214, 39, 40)
"""Colour of a patch whose cut lies above the last layer, on the edges of a virtual source."""


def draw_cut_layers(grid: Array, layers: tuple[int, int], *, cell: int = 24) -> Image.Image:
    """Return the panel of a grid (rows, cols) of layer numbers, 0 for no cut; `layers` are both ends of the graph.

    A number beyond the last layer stands for the edges of a virtual source.

    One colour per layer, the same for the same `layers` in every picture; the legend gives each layer's share.
    """
    from PIL import Image, ImageDraw, ImageFont

    first, last = layers
    rows, cols = grid.shape
    used = [int(layer) for layer in np.unique(grid)]
    squares = np.zeros((rows, cols, 3), np.uint8)
    for layer in used:
        squares[grid == layer] = _colour(layer, first, last)
    panel = np.repeat(np.repeat(squares, cell, axis=0), cell, axis=1)
    panel[::cell] = panel[:, ::cell] = 255
    height = max(panel.shape[0], cell * (len(used) + 3))
    image = Image.new("RGB", (panel.shape[1] + 8 * cell, height), "white")
    image.paste(Image.fromarray(panel), (0, 0))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(cell * 0.55)
    for place, words in enumerate(("layer with most of", "a patch's minimum cut")):
        where = (panel.shape[1] + cell // 2, cell * place + cell // 2)
        draw.text(where, words, fill="black", font=font, anchor="lm")
    for place, layer in enumerate(used, 2):
        left, top = panel.shape[1] + cell // 2, cell * place + cell // 4
        draw.rectangle((left, top, left + cell // 2, top + cell // 2), fill=_colour(layer, first, last))
        share = 100 * np.count_nonzero(grid == layer) / grid.size
        name = "no flow" if layer == 0 else "source" if layer > last else f"layer {layer}"
        draw.text(
            (left + cell, top + cell // 4),
            f"{name}: {'<1' if share < 1 else f'{share:.0f}'} %",
            fill="black",
            font=font,
            anchor="lm",
        )
    return image


def _colour(layer: int, first: int, last: int) -> tuple[int, int, int]:
    """Return the colour of a layer between the two ends, or beyond them."""
    if layer == 0:
        return GREY
    if layer > last:
        return SOURCE
    red, green, blue = palette("viridis")[round(255 * (layer - first) / max(last - first, 1))]
    return int(red), int(green), int(blue)
