"""Pictures for terminals: the escape sequences of Kitty, iTerm2 and Sixel, and shades of letters for those without."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from vitexplain.render.drawing import Drawing
from vitexplain.render.heat import strengths
from vitexplain.render.heatmap import Array, shares
from vitexplain.render.png import encode_png

if TYPE_CHECKING:
    from PIL import Image

SHADES = " .:-=+*#%@"
"""From nothing to the strongest."""

_CHUNK = 4096
"""Letters that one of Kitty's sequences may carry."""

_RUN = re.compile(r"(.)\1{3,}")


def kitty(image: Image.Image, columns: int) -> str:
    """Return the picture (RGB), `columns` letters wide, by Kitty's graphics protocol.

    As PNG in chunks; the terminal is asked for no answer, which a shell would take for input.
    """
    data = base64.b64encode(encode_png(image)).decode("ascii")
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    first, rest = f"f=100,a=T,q=2,c={columns},", "q=2,"
    return "".join(
        f"\x1b_G{rest if place else first}m={int(place < len(chunks) - 1)};{chunk}\x1b\\"
        for place, chunk in enumerate(chunks)
    )


def iterm(image: Image.Image, columns: int) -> str:
    """Return the picture (RGB), `columns` letters wide, by iTerm2's inline images protocol."""
    png = encode_png(image)
    data = base64.b64encode(png).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(png)};width={columns};height=auto;preserveAspectRatio=1:{data}\x07"


def sixel(image: Image.Image) -> str:
    """Return the picture (RGB) in its own pixels as Sixel (DEC STD 070): bands of six rows, one colour at a time."""
    from PIL import Image

    quantised = image.quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    palette = np.array(quantised.getpalette(), np.int64).reshape(-1, 3) * 100 // 255
    pixels = np.asarray(quantised)
    named = "".join("#{};2;{};{};{}".format(index, *palette[index]) for index in np.unique(pixels))
    bands = "-".join(
        "$".join(f"#{index}{row}" for index, row in _band(pixels[top : top + 6])) for top in range(0, len(pixels), 6)
    )
    return f'\x1bPq"1;1;{image.width};{image.height}{named}{bands}\x1b\\'


def _band(rows: Array) -> Iterator[tuple[int, str]]:
    """Yield each colour of up to six rows with its letters, one a column, whose bits are rows; runs are counted."""
    bits = (1 << np.arange(len(rows)))[:, None]
    for index in np.unique(rows):
        letters = (63 + ((rows == index) * bits).sum(0)).astype(np.uint8).tobytes().decode("ascii")
        yield int(index), _RUN.sub(lambda run: f"!{len(run[0])}{run[1]}", letters)


def joined(pictures: Sequence[Image.Image], size: tuple[int, int], gap: int) -> Image.Image:
    """Return the pictures side by side, each scaled to `size` (width, height), with a gap between two."""
    from PIL import Image

    made = Image.new("RGB", ((size[0] + gap) * len(pictures) - gap, size[1]))
    for place, picture in enumerate(pictures):
        made.paste(picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), (place * (size[0] + gap), 0))
    return made


def beside(texts: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Return lines of texts side by side, each in so many columns, with a gap of one between two."""
    return [" ".join(f"{each:<{columns}}" for each in row).rstrip() for row in zip_longest(*texts, fillvalue="")]


def nearest_of_256(pixels: Array) -> Array:
    """Return for colours (K, 3), uint8, the number of the nearest of xterm's 256, of its cube or its greys."""
    levels = np.array([0, 95, 135, 175, 215, 255])
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    known = np.concatenate([cube, np.repeat(np.arange(8, 248, 10)[:, None], 3, 1)])
    distance = ((pixels[:, None].astype(np.int64) - known) ** 2).sum(-1)
    return np.asarray(16 + distance.argmin(1))


def shaded(scores: Array, drawing: Drawing, columns: int) -> list[str]:
    """Return lines of letters, two a patch where there is room: the denser, the higher the patch's score.

    `drawing` is one that `Drawing.of` returned for these scores (rows, cols). What speaks against the target is blank,
    and so are scores that are all equal.
    """
    rows, cols = scores.shape
    across = min(2 * cols, columns)
    down = max(1, round(rows * across / (2 * cols)))
    strength = strengths(drawing)[(shares(scores, drawing) * 255 + 0.5).astype(np.int64)] * (drawing.scale is not None)
    places = ((np.arange(count) * size) // count for count, size in ((down, rows), (across, cols)))
    shown = strength[np.ix_(*places)].clip(0, 1)
    return ["".join(SHADES[round(9 * float(each))] for each in row) for row in shown]
