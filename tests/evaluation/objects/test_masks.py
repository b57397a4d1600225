"""Masks of all kinds of pictures: what is not 0 is object, and what does not fit is told (a second)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitexplain.errors import InputError
from vitexplain.evaluation.objects import Seen, list_masks
from vitexplain.images import View, open_mask

INSIDE = np.zeros((6, 8), bool)
INSIDE[1:3, 2:7] = True


def palette() -> Image.Image:
    image = Image.fromarray(INSIDE.astype(np.uint8) * 7, "P")
    image.putpalette([255, 255, 255, *[0] * 765])  # index 0 white, all others black
    return image


def with_alpha() -> Image.Image:
    samples = np.zeros((6, 8, 4), np.uint8)
    samples[INSIDE] = (0, 200, 0, 255)
    samples[4, 4] = (90, 90, 90, 0)  # coloured, but not to be seen
    return Image.fromarray(samples)


MASKS = {
    "grey": Image.fromarray(INSIDE.astype(np.uint8)),
    "bits": Image.fromarray(INSIDE),
    "sixteen": Image.fromarray(INSIDE.astype(np.uint16) * 3),
    "colours": Image.fromarray(INSIDE[..., None] * np.array([0, 0, 1], np.uint8)),
    "palette": palette(),
    "alpha": with_alpha(),
}


@pytest.mark.parametrize("kind", MASKS)
def test_what_is_not_zero_is_object(kind: str, tmp_path: Path) -> None:
    MASKS[kind].save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), INSIDE)


def test_a_mask_is_turned_as_its_orientation_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    MASKS["grey"].save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), np.rot90(INSIDE, -1))


def test_masks_are_found_by_stem_and_must_be_as_large_as_the_picture(tmp_path: Path) -> None:
    MASKS["grey"].save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no mask")
    (tmp_path / "folder.png").mkdir()
    masks = list_masks(tmp_path)
    assert masks.match(["photos/a.jpg", "photos/b.jpg"]) == {"photos/a.jpg": "a"}

    def seen(width: int, height: int) -> Seen:
        return Seen(torch.zeros(1, 3, 8, 8), View("squash", (0, 0, width, height), (8, 8)), (width, height))

    region = masks.region("a", seen(8, 6), "photos/a.jpg", lambda _: False)
    np.testing.assert_array_equal(region.coverage((0, 0, 8, 6), 6, 8), INSIDE.ravel())
    with pytest.raises(InputError, match=r"photos/a.jpg: a picture of 6 x 8 pixels, but its mask .*a.png has 8 x 6"):
        masks.region("a", seen(6, 8), "photos/a.jpg", lambda _: False)


def test_masks_that_could_be_of_two(tmp_path: Path) -> None:
    MASKS["grey"].save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a.png could be the mask of one/a.jpg and two/a.jpg"):
        list_masks(tmp_path).match(["one/a.jpg", "two/a.jpg"])
    with pytest.raises(InputError, match="none of its masks is named as an image"):
        list_masks(tmp_path).match(["b.jpg"])
    MASKS["grey"].save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="are masks of one image"):
        list_masks(tmp_path)


def test_folders_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no mask in it"):
        list_masks(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        list_masks(tmp_path / "missing")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="not a picture"):
        open_mask(tmp_path / "a.png")
