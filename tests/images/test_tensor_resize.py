"""Resizing as torchvision does it with tensors: the same bytes, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vitexplain.images import Preprocess, open_picture, prepare
from vitexplain.images.tensor_resize import FILTERS, resized_as_tensor
from vitexplain.models.timm_import import import_timm

import_timm()
SIZES = [
    ((240, 320), (224, 224)),
    ((300, 451), (256, 384)),
    ((100, 90), (224, 224)),
    ((37, 1200), (64, 64)),
    ((64, 500), (64, 64)),
    ((700, 90), (50, 90)),
    ((1, 1), (16, 16)),
    ((5, 3), (64, 40)),
]


@pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith(("AVX2", "AVX512")),
    reason="torchvision computes in float32 on this processor, whose bytes differ by one here and there",
)
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_the_bytes_are_those_of_torchvision(
    before: tuple[int, int], after: tuple[int, int], interpolation: str
) -> None:
    from torchvision.transforms.v2 import functional

    pixels = np.random.default_rng(0).integers(0, 256, (*before, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    mode = functional.InterpolationMode(interpolation)
    expected = functional.resize(tensor, list(after), interpolation=mode, antialias=True).permute(1, 2, 0).numpy()
    found = np.asarray(resized_as_tensor(Image.fromarray(pixels), after, interpolation))
    assert np.array_equal(found, expected)


def test_one_colour_stays_that_colour() -> None:
    for interpolation in FILTERS:
        found = resized_as_tensor(Image.new("RGB", (90, 70), (255, 0, 77)), (33, 41), interpolation)
        assert set(found.get_flattened_data() if hasattr(found, "get_flattened_data") else found.getdata()) == {
            (255, 0, 77)
        }


def test_a_crop_begins_where_it_is_said_to() -> None:
    """Of 13 columns 8 are taken: 2 are left out at the left, or, rounded to the nearest even number, 2 of 2.5."""
    pixels = np.zeros((8, 15, 3), np.uint8)
    pixels[:, :, 0] = np.arange(15)
    picture = open_picture(Image.fromarray(pixels))
    starts = []
    for centre in ("nearest", "down"):
        usual = ((8, 8), 1.0, "center", "bilinear", (0.0,) * 3, (1 / 255,) * 3, (8, 8), False)
        made, _ = prepare(picture, Preprocess(*usual, centre=centre))  # type: ignore[arg-type]
        starts.append(round(float(made[0, 0, 0])))
    assert starts == [4, 3]
