"""Pictures with bytes cut off and flipped: a picture or one line, no other error, no warning, nothing on stderr."""

from __future__ import annotations

import io
import logging
import random

import pytest
from PIL import Image, features

from vitexplain.errors import InputError, LimitError
from vitexplain.images import open_picture

FORMS = [
    "JPEG",
    "PNG",
    "GIF",
    "WEBP",
    "TIFF",
    "BMP",
    "PPM",
    "ICO",
    "TGA",
    "PCX",
    "SGI",
    "JPEG2000",
    "QOI",
    "DDS",
    "AVIF",
]


def encoded(form: str) -> bytes:
    image = Image.radial_gradient("L").resize((24, 18)).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, form, **({"compression": "tiff_lzw"} if form == "TIFF" else {}))
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_every_broken_picture_is_a_picture_or_one_line(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    if (form == "AVIF" and not features.check("avif")) or (form == "JPEG2000" and not features.check("jpg_2000")):
        pytest.skip(f"this Pillow reads no {form}")
    whole = encoded(form)
    rng = random.Random(form)
    for case in range(140):
        data = bytearray(whole)
        if case % 2:
            del data[rng.randrange(len(data)) :]
        for _ in range(rng.randrange(1, 8) if case % 3 else 0):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            assert open_picture(io.BytesIO(bytes(data)), max_pixels=10**6).image.mode == "RGB"
        except (InputError, LimitError) as error:
            assert "\n" not in str(error)
            assert str(error).isprintable()
    assert capfd.readouterr() == ("", "")


def test_what_pillow_logs_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    handlers, logging.root.handlers = logging.root.handlers, []  # pytest's own would hide it
    try:
        data = bytearray(encoded("TIFF"))
        at = data.find((277).to_bytes(2, "little") + (3).to_bytes(2, "little"))  # SamplesPerPixel
        data[at + 8 : at + 10] = (16387).to_bytes(2, "little")
        with pytest.raises(InputError):
            open_picture(io.BytesIO(bytes(data)))
    finally:
        logging.root.handlers = handlers
    assert capfd.readouterr() == ("", "")
