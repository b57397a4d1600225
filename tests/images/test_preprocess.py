"""The pixels are timm's, byte for byte, and the view says where they lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vitexplain.errors import UsageError
from vitexplain.images import CropMode, Picture, Preprocess, open_picture, prepare
from vitexplain.images import preprocess as module
from vitexplain.models.timm_import import import_timm

SIZES = [(640, 480), (480, 641), (301, 299), (97, 40), (33, 200), (224, 224), (1, 1), (1000, 31)]

PLAIN = Preprocess((224, 224), 0.9, "center", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (16, 16), True)
IMAGENET = replace(PLAIN, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

MODES: tuple[CropMode, ...] = ("center", "squash", "border")

KINDS = {
    "center": PLAIN,
    "center, all of it": replace(IMAGENET, crop_pct=1.0),
    "center, not square": replace(IMAGENET, size=(192, 256)),
    "bilinear": replace(IMAGENET, interpolation="bilinear", crop_pct=0.875),
    "squash": replace(IMAGENET, crop_mode="squash", crop_pct=1.0),
    "squash, then cropped": replace(IMAGENET, crop_mode="squash", crop_pct=0.95),
    "border": replace(IMAGENET, crop_mode="border"),
    "border, all of it": replace(IMAGENET, crop_mode="border", crop_pct=1.0, interpolation="bilinear"),
}


def noise(width: int, height: int) -> Picture:
    rng = np.random.default_rng(width * 10_007 + height)
    return open_picture(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def timm_pixels(picture: Picture, preprocess: Preprocess) -> np.ndarray:
    transform = import_timm().data.create_transform(
        input_size=(3, *preprocess.size),
        is_training=False,
        interpolation=preprocess.interpolation,
        mean=preprocess.mean,
        std=preprocess.std,
        crop_pct=preprocess.crop_pct,
        crop_mode=preprocess.crop_mode,
    )
    pixels: np.ndarray = transform(picture.image).numpy()
    return pixels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pixels_are_timms_byte_for_byte(kind: str, size: tuple[int, int]) -> None:
    picture, preprocess = noise(*size), KINDS[kind]
    pixels, view = prepare(picture, preprocess)
    assert pixels.dtype == np.float32
    assert pixels.shape == (3, *preprocess.size) == (3, *view.size)
    assert pixels.tobytes() == timm_pixels(picture, preprocess).tobytes()


def test_hundreds_of_sizes_are_timms() -> None:
    rng = np.random.default_rng(0)
    small = replace(IMAGENET, size=(32, 32), patch=(16, 16))
    for _ in range(300):
        width, height = (int(side) for side in rng.integers(1, 90, 2))
        picture = noise(width, height)
        mode = MODES[int(rng.integers(3))]
        preprocess = replace(small, crop_mode=mode, crop_pct=float(rng.choice([0.875, 0.9, 0.95, 1.0])))
        if mode == "border" and max(width, height) > 60 * min(width, height):
            continue  # timm fails where the short side becomes nothing
        assert np.array_equal(prepare(picture, preprocess)[0], timm_pixels(picture, preprocess))


def test_a_huge_resize_is_computed_in_part_to_one_grey_level(monkeypatch: pytest.MonkeyPatch) -> None:
    # A high one without clipped values: where Pillow swaps its two passes, what it clips in between differs.
    smooth = Image.linear_gradient("L").point(lambda value: 60 + value // 2).resize((20, 300))
    pictures = [noise(900, 20), noise(301, 77), open_picture(smooth)]
    whole = [prepare(picture, preprocess)[0] for picture in pictures for preprocess in KINDS.values()]
    monkeypatch.setattr(module, "_LARGEST_RESIZED", 0)
    parts = [prepare(picture, preprocess)[0] for picture in pictures for preprocess in KINDS.values()]
    for one, other in zip(whole, parts, strict=True):
        # Pillow takes the box of the part in single precision.
        assert np.abs(one - other).max() <= 1.01 / 255 / 0.224


def test_extremely_long_pictures_are_prepared() -> None:
    picture = open_picture(Image.new("RGB", (20_000, 10), (200, 0, 0)))
    for preprocess in KINDS.values():
        assert np.isfinite(prepare(picture, preprocess)[0]).all()
    assert prepare(picture, PLAIN, "whole")[1].size == (16, 16 * 1024)


def test_crop_box_lies_in_the_middle_of_the_short_side() -> None:
    view = prepare(noise(640, 480), replace(PLAIN, crop_pct=1.0))[1]
    assert view.kind == "crop"
    assert view.box == pytest.approx((80, 0, 560, 480), abs=1.5)


def test_the_box_finds_a_marked_square() -> None:
    """What lies at a pixel of the view lies at the same share of the box in the picture."""
    array = np.zeros((300, 500, 3), np.uint8)
    array[100:120, 300:320] = 255
    for preprocess in KINDS.values():
        pixels, view = prepare(open_picture(array), preprocess)
        bright = np.argwhere(pixels[0] > pixels[0].max() * 0.8).mean(axis=0) + 0.5
        x0, y0, x1, y1 = view.box
        found = (x0 + bright[1] / view.size[1] * (x1 - x0), y0 + bright[0] / view.size[0] * (y1 - y0))
        assert found == pytest.approx((310, 110), abs=3)


def test_squash_shows_the_whole_picture_for_a_cropping_model() -> None:
    pixels, view = prepare(noise(640, 480), PLAIN, "squash")
    assert (view.kind, view.box, view.size) == ("squash", (0, 0, 640, 480), (224, 224))
    assert np.array_equal(pixels, timm_pixels(noise(640, 480), replace(PLAIN, crop_mode="squash", crop_pct=1.0)))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_whole_keeps_the_shape_in_whole_patches(size: tuple[int, int]) -> None:
    picture = noise(*size)
    pixels, view = prepare(picture, PLAIN, "whole")
    rows, cols = view.size[0] // 16, view.size[1] // 16
    assert (rows * 16, cols * 16) == view.size == pixels.shape[1:]
    assert view.box == (0, 0, *size)
    few = min(rows, cols) < 4  # then one row more or less is much
    assert (0.6 if few else 0.9) * 196 <= rows * cols <= (1.5 if few else 1.1) * 196
    assert rows / cols == pytest.approx(picture.height / picture.width, rel=0.15)


def test_whole_has_at_most_1024_patches() -> None:
    large = replace(PLAIN, size=(896, 896))
    rng = np.random.default_rng(1)
    for width, height in rng.integers(1, 400, (200, 2)):
        view = prepare(open_picture(Image.new("RGB", (int(width), int(height)))), large, "whole")[1]
        assert (view.size[0] // 16) * (view.size[1] // 16) <= 1024


def test_whole_needs_a_flexible_model() -> None:
    with pytest.raises(UsageError, match=r"view whole: .* 224 x 224"):
        prepare(noise(64, 64), replace(PLAIN, flexible=False), "whole")


def test_the_box_covers_the_patches_where_a_rest_is_left_out() -> None:
    view = prepare(noise(384, 384), replace(PLAIN, size=(384, 384), patch=(14, 14), crop_pct=1.0))[1]
    assert view.size == (384, 384)
    assert view.box == pytest.approx((0, 0, 378, 378))
