"""PNG files say whose they are, and hold the pixels that were drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vitexplain.render import encode_png

SHA256 = "0123456789abcdef" * 4


@pytest.mark.parametrize("photo", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (640, 1), (37, 53)])
def test_pixels_and_mark_are_read_back(size: tuple[int, int], *, photo: bool) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    data = encode_png(image, SHA256, photo=photo)
    assert f"vitexplain:{SHA256}".encode() in data[:200]
    with Image.open(io.BytesIO(data)) as read:
        read.load()
        assert read.mode == "RGB" and np.array_equal(np.asarray(read), np.asarray(image))
        assert read.text == {"Comment": f"vitexplain:{SHA256}"}


def test_without_a_mark_there_is_none() -> None:
    assert b"vitexplain" not in encode_png(Image.new("RGB", (4, 4)))
