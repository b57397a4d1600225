"""Pictures for terminals, read back by literal readers of their protocols."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests import given_result
from vitexplain.render import Drawing
from vitexplain.render.terminal import SHADES, beside, iterm, joined, kitty, nearest_of_256, shaded, sixel

Pixels = npt.NDArray[np.int64]


def photograph(width: int = 90, height: int = 50) -> Image.Image:
    """Return a smooth picture of many colours, larger than one of Kitty's chunks."""
    down, across = np.mgrid[:height, :width]
    channels = [down * 255 // height, across * 255 // width, (down * across) % 256]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def opened(data: str) -> Pixels:
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def test_kitty_gets_the_picture_in_chunks_and_is_not_asked_for_an_answer() -> None:
    given = photograph()
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty(given, 33))
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in parts) == kitty(given, 33)
    keys = [dict(pair.split("=") for pair in keys.split(",")) for keys, _ in parts]
    assert keys[0] == {"f": "100", "a": "T", "q": "2", "c": "33", "m": "1"} and len(parts) > 2
    assert [each["m"] for each in keys] == ["1"] * (len(parts) - 1) + ["0"]
    assert all(each["q"] == "2" for each in keys)
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in parts)
    np.testing.assert_array_equal(opened("".join(data for _, data in parts)), np.asarray(given))


def test_one_chunk_is_the_last() -> None:
    assert re.match(r"\x1b_Gf=100,a=T,q=2,c=2,m=0;", kitty(Image.new("RGB", (2, 2)), 2))


def test_iterm_gets_the_picture_and_its_size_in_bytes() -> None:
    given = photograph()
    found = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);width=33;height=auto;[^:]*:(.*)\x07", iterm(given, 33))
    assert found and len(base64.b64decode(found[2])) == int(found[1])
    np.testing.assert_array_equal(opened(found[2]), np.asarray(given))


def drawn_by_sixel(text: str) -> Pixels:
    """Return the pixels that a Sixel terminal would draw; -1 where none."""
    head = re.match(r'\x1bPq"1;1;(\d+);(\d+)', text)
    assert head and text.endswith("\x1b\\")
    width, height = int(head[1]), int(head[2])
    pixels = np.full((height + 6, width, 3), -1, np.int64)
    palette: dict[int, list[int]] = {}
    colour: list[int] = []
    x = y = 0
    for define, use, run, letter, sign in re.findall(
        r"#(\d+;2;\d+;\d+;\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", text[head.end() : -2]
    ):
        if define:
            number, _, *levels = map(int, define.split(";"))
            palette[number] = levels
        elif use:
            colour = palette[int(use)]
        elif sign:
            x, y = 0, y + (6 if sign == "-" else 0)
        else:
            count = int(run or 1)
            for bit in range(6):
                if (ord(letter) - 63) >> bit & 1:
                    pixels[y + bit, x : x + count] = colour
            x += count
    assert (pixels[height:] == -1).all()
    return pixels[:height]


@pytest.mark.parametrize("height", [6, 7, 50])
def test_sixel_draws_every_pixel_in_a_colour_near_its_own(height: int) -> None:
    given = photograph(height=height)
    drawn = drawn_by_sixel(sixel(given))
    assert drawn.min() >= 0 and drawn.max() <= 100
    # Errors of dithering cancel over a neighbourhood.
    off = drawn * 2.55 - np.asarray(given)
    assert np.abs(off.mean((0, 1))).max() < 3 and np.abs(off).mean() < 25


def test_sixel_counts_runs() -> None:
    flat = sixel(Image.new("RGB", (200, 6), (255, 0, 0)))
    assert "!200~" in flat and len(flat) < 60
    assert (drawn_by_sixel(flat) == [100, 0, 0]).all()


def test_the_nearest_of_256_colours() -> None:
    steps = (0, 95, 135, 175, 215, 255)
    table = {
        16 + 36 * r + 6 * g + b: (steps[r], steps[g], steps[b]) for r in range(6) for g in range(6) for b in range(6)
    }
    table |= {232 + k: (8 + 10 * k,) * 3 for k in range(24)}
    given = np.random.default_rng(0).integers(0, 256, (60, 3), dtype=np.uint8)
    for pixel, number in zip(given.tolist(), nearest_of_256(given).tolist(), strict=True):
        distances = {n: sum((a - b) ** 2 for a, b in zip(pixel, known, strict=True)) for n, known in table.items()}
        assert distances[number] == min(distances.values())


def shades_of(scores: Any, columns: int, *, signed: bool = False) -> list[str]:
    from dataclasses import replace

    given = replace(given_result.explanation(), scores=np.array(scores, np.float32), signed=signed)
    return shaded(given.scores, Drawing(percentile=100).of(given), columns)


def test_shades_are_denser_where_scores_are_higher() -> None:
    assert shades_of([[0, 1], [2, 9]], 80) == ["  ..", "::@@"]
    assert shades_of([[0, 1, 2, 9]], 4) == [" .:@"], "one letter a patch where there is no room for two"
    across = shades_of([[float(k) for k in range(100)]], 10)[0]
    assert len(across) == 10 and [SHADES.index(letter) for letter in across] == sorted(map(SHADES.index, across))


def test_shades_leave_out_what_speaks_against_and_what_is_equal() -> None:
    assert shades_of([[-9, 0, 9]], 80, signed=True) == ["    @@"]
    assert shades_of([[3, 3, 3]], 80) == ["      "]


def test_pictures_and_lines_side_by_side() -> None:
    red, blue = Image.new("RGB", (40, 20), (200, 0, 0)), Image.new("RGB", (40, 20), (0, 0, 200))
    pixels = np.asarray(joined([red, blue], (4, 2), 1))
    assert pixels.shape == (2, 9, 3)
    assert (pixels[:, :4] == (200, 0, 0)).all() and (pixels[:, 4] == 0).all() and (pixels[:, 5:] == (0, 0, 200)).all()
    assert beside([["ab", "c"], ["d"]], 3) == ["ab  d", "c"]
