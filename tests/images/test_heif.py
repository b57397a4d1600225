"""HEIF, as phones write it: read where pillow-heif is installed; elsewhere one line says what to install."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitexplain.batch.sources.folder import list_pictures
from vitexplain.errors import MissingExtraError
from vitexplain.images import formats, open_picture, picture_endings

HEADER = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take pillow-heif away, and what it registered with Pillow."""
    Image.init()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(Image, "EXTENSION", {k: v for k, v in Image.EXTENSION.items() if v != "HEIF"})
    formats.reads_heif.cache_clear()
    yield
    formats.reads_heif.cache_clear()


@pytest.mark.usefixtures("without")
def test_what_to_install_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"the stream given: a picture of HEIF .*'vitexplain\[heif\]'"):
        open_picture(io.BytesIO(HEADER))
    (tmp_path / "a.HEIC").write_bytes(HEADER)
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    assert list_pictures(str(tmp_path), tmp_path / "out").aside == {".heic (pip install 'vitexplain[heif]')": 1}


def test_a_picture_of_a_phone_is_read_upright(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif (extra heif) is not installed")
    formats.reads_heif.cache_clear()
    left = Image.new("RGB", (64, 32), "blue")
    left.paste("red", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees, clockwise
    pillow_heif.from_pillow(left).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    assert ".heic" in picture_endings()
    seen = open_picture(tmp_path / "a.heic")
    assert (seen.width, seen.height) == (32, 64)
    pixels = np.asarray(seen.image, int)
    for row, channel in ((2, 0), (-3, 2)):  # red above blue
        assert pixels[row, 2, channel] > 200 > 60 > pixels[row, 2, 2 - channel]
