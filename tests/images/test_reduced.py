"""JPEGs decoded at a part of their size: how far, and that the record's numbers stay those of the file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.images.test_picture import gradient, saved
from vitexplain.errors import LimitError
from vitexplain.images import Least, open_picture


@pytest.mark.parametrize(
    ("size", "least", "factor"),
    [
        ((800, 600), Least(300), 2),
        ((800, 599), Least(300), 1),
        ((2400, 3200), Least(300), 8),
        ((2400, 3200), Least(300, 1600), 2),
        ((2400, 3199), Least(300, 1600), 1),
        ((2400, 1000), Least(250), 4),
    ],
)
def test_how_far_a_picture_may_be_reduced(size: tuple[int, int], least: Least, factor: int) -> None:
    assert least.factor(size) == factor


def test_a_reduced_picture_is_the_whole_one_made_smaller() -> None:
    data = saved(gradient(801, 602), "JPEG", quality=95)
    whole, reduced = open_picture(data), open_picture(io.BytesIO(data.getvalue()), least=Least(150))
    assert (reduced.image.size, reduced.whole, reduced.sha256) == ((201, 151), (801, 602), whole.sha256)
    assert reduced.notices == ("decoded at 1/4 of its size, as `fast_decode=True` asks: scores differ a little",)
    small = whole.image.resize((201, 151), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, float) - np.asarray(reduced.image, float)).max() <= 4


def test_a_picture_that_lies_on_its_side_is_turned_with_its_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(gradient(800, 600), "JPEG", exif=exif)
    reduced = open_picture(data, least=Least(150))
    assert (reduced.image.size, reduced.whole) == ((150, 200), (600, 800))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_other_kinds_are_decoded_whole(form: str) -> None:
    picture = open_picture(saved(gradient(800, 600), form), least=Least(10))
    assert (picture.image.size, picture.whole, picture.notices) == ((800, 600), None, ())


def test_the_limit_of_pixels_is_that_of_the_file(tmp_path: Path) -> None:
    gradient(800, 600).save(tmp_path / "a.jpg")
    with pytest.raises(LimitError, match="480,000 pixels, expected at most 100,000"):
        open_picture(tmp_path / "a.jpg", max_pixels=100_000, least=Least(10))
