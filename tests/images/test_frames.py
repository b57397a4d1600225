"""Files of many pictures: the first one, said so, and no walk through the others."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from vitexplain.images import open_picture


def pages(count: int) -> bytes:
    """Return a TIFF of `count` pages of 2 x 2, all with the same pixels."""
    made = bytearray(b"II*\0" + struct.pack("<I", 12) + bytes([10, 80, 200, 255]))
    tags = [(256, 2), (257, 2), (258, 8), (259, 1), (262, 1), (273, 8), (278, 2), (279, 4)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    for page in range(count):
        made += directory
        made += struct.pack("<I", len(made) + 4 if page < count - 1 else 0)
    return bytes(made)


def animation(form: str, count: int) -> bytes:
    """Return an animation of `count` frames of 4 x 4."""
    frames = [Image.new("RGB", (4, 4), (number % 256, 90, 90)) for number in range(count)]
    stream = io.BytesIO()
    frames[0].save(stream, form, save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.fixture
def seeks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every directory of a TIFF, and every frame of a GIF, that is read from now on."""
    seen: list[str] = []

    def noted(name: str, before: object) -> object:
        def note(*arguments: object) -> object:
            seen.append(name)
            return before(*arguments)  # type: ignore[operator]

        return note

    for name in ("TiffImagePlugin.ImageFileDirectory_v2.load", "GifImagePlugin.GifImageFile._seek"):
        module, owner, method = name.split(".")
        holder = getattr(getattr(__import__(f"PIL.{module}"), module), owner)
        monkeypatch.setattr(holder, method, noted(name, getattr(holder, method)))
    return seen


@pytest.mark.parametrize("form", ["TIFF", "GIF"])
def test_pages_are_not_walked(form: str, seeks: list[str]) -> None:
    picture = open_picture(io.BytesIO(pages(5_000) if form == "TIFF" else animation("GIF", 200)))
    assert picture.notices == ("several pages: first page only" if form == "TIFF" else "animated: first frame only",)
    assert 0 < len(seeks) <= 6


def test_the_first_page_is_shown() -> None:
    assert np.asarray(open_picture(io.BytesIO(pages(3))).image)[:, :, 0].ravel().tolist() == [10, 80, 200, 255]
    assert open_picture(io.BytesIO(pages(1))).notices == ()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_what_follows_the_first_frame_may_be_broken(form: str) -> None:
    whole = animation(form, 3)
    picture = open_picture(io.BytesIO(whole))
    for lost in range(1, 30, 4):
        if form != "WEBP":  # its length stands at its start
            assert open_picture(io.BytesIO(whole[:-lost])).image.tobytes() == picture.image.tobytes()
