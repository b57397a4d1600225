"""Overlays as PNG, JPEG and WebP: nearly the same pixels, and always marked with their input."""

from __future__ import annotations

import io
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from tests.given_result import picture, result
from vitexplain.output import WriteOptions, draw_explanation, input_of, require_own, write_result
from vitexplain.render import PictureFormat, encode_picture

FORMS: tuple[PictureFormat, ...] = get_args(PictureFormat)


def smooth() -> Image.Image:
    """Return a picture without noise, which no lossy format keeps, with an edge between two colours."""
    across = np.linspace(0, 255, 96)
    pixels = np.stack(np.broadcast_arrays(across[None, :], across[:64, None], 255.0 * (across[None, :] > 100)), -1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize(("form", "most"), [("png", 0.0), ("jpg", 3.0), ("webp", 6.0)])
def test_the_pixels_are_those_of_the_overlay(form: PictureFormat, most: float) -> None:
    data = encode_picture(smooth(), form, "ab" * 32)
    with Image.open(io.BytesIO(data)) as read:
        assert read.format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[form]
        error = np.asarray(read.convert("RGB"), float) - np.asarray(smooth(), float)
    assert np.sqrt(np.mean(error**2)) <= most


@pytest.mark.parametrize("form", FORMS)
def test_a_written_overlay_is_known_by_its_mark(tmp_path: Path, form: PictureFormat) -> None:
    given = result(picture())
    written = write_result(given, WriteOptions(tmp_path, form=form, record=False))
    (path,) = written.paths
    assert path.name == f"cat.{form}" == written.record["explanations"][0]["files"]["overlay"]
    assert input_of(path) == given.picture.sha256
    require_own([path], given.picture.sha256, overwrite=False)
    with Image.open(path) as image:
        assert image.size == draw_explanation(given, given.explanations[0]).size
