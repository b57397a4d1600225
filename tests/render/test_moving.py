"""Moving pictures read back: every frame, its time, endless, and whose picture it is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from vitexplain.output import input_of
from vitexplain.render.moving import MOVING_FORMATS, MovingFormat, moving_file

SHA256 = "0123456789abcdef" * 4


def frames(count: int = 5, width: int = 90, height: int = 60) -> list[Image.Image]:
    """Return frames of grey noise with a square in another bright colour in each."""
    noise = np.random.default_rng(0).integers(90, 110, (height, width, 1), dtype=np.uint8).repeat(3, 2)
    made = []
    for place in range(count):
        pixels = noise.copy()
        pixels[10:30, 10 * place : 10 * place + 20] = (255, 40 * place, 0)
        made.append(Image.fromarray(pixels))
    return made


@pytest.mark.parametrize("form", MOVING_FORMATS)
def test_every_frame_is_there_for_its_time(form: MovingFormat, tmp_path: Path) -> None:
    given = frames()
    data = moving_file(given, 0.25, form, SHA256)
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.size, opened.info["loop"]) == (form.upper(), (90, 60), 0)
        found = [(frame.convert("RGB"), frame.info["duration"]) for frame in ImageSequence.Iterator(opened)]
    assert [duration for _, duration in found] == [250, 250, 250, 250, 1000]
    for frame, expected in zip(found, given, strict=True):
        off = np.abs(np.asarray(frame[0], np.int64) - np.asarray(expected, np.int64))
        assert off.mean() < 8
    path = tmp_path / f"a.{form}"
    path.write_bytes(data)
    assert input_of(path) == SHA256
    assert data == moving_file(given, 0.25, form, SHA256)


def test_the_few_bright_pixels_of_a_gif_keep_their_colour() -> None:
    with Image.open(io.BytesIO(moving_file(frames(), 0.1, "gif", SHA256))) as opened:
        opened.seek(3)
        bright = np.asarray(opened.convert("RGB"), np.int64)[12:28, 32:48]
    assert np.abs(bright - (255, 120, 0)).max() < 24


def test_a_mark_is_found_in_a_large_gif_too(tmp_path: Path) -> None:
    """The comment stands before the first frame, however large that is."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 300, 400, 3), dtype=np.uint8)
    path = tmp_path / "large.gif"
    path.write_bytes(moving_file([Image.fromarray(each) for each in noise], 0.1, "gif", SHA256))
    assert path.stat().st_size > 100_000 and input_of(path) == SHA256
