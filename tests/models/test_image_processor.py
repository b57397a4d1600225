"""Image processors of transformers in timm's words; values that cannot be; a notice where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vitexplain.errors import ModelError
from vitexplain.models.image_processor import known_transform, transform_from

KNOWN = {
    "input_size": (3, 224, 224),
    "mean": (0.5,) * 3,
    "std": (0.5,) * 3,
    "interpolation": "bilinear",
    "crop_pct": 1.0,
    "crop_mode": "squash",
}
CENTRE = {**KNOWN, "crop_mode": "center"}


@pytest.mark.parametrize(
    ("table", "known", "expected"),
    [
        (
            {"size": {"height": 384, "width": 256}, "resample": 3},
            KNOWN,
            {"input_size": (3, 384, 256), "crop_mode": "squash", "crop_pct": 1.0, "interpolation": "bicubic"},
        ),
        (
            {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
            KNOWN,
            {"input_size": (3, 224, 224), "crop_mode": "center", "crop_pct": 0.875},
        ),
        (
            {"size": {"height": 256, "width": 256}, "do_center_crop": True, "crop_size": 224},
            KNOWN,
            {"input_size": (3, 224, 224), "crop_mode": "squash", "crop_pct": 0.875},
        ),
        ({"size": 336}, KNOWN, {"input_size": (3, 336, 336), "crop_mode": "squash"}),
        ({"size": 336}, CENTRE, {"input_size": (3, 336, 336), "crop_mode": "center"}),
        ({"image_mean": [0.1, 0.2, 0.3], "image_std": 0.5}, KNOWN, {"mean": (0.1, 0.2, 0.3), "std": (0.5,) * 3}),
        ({"do_normalize": False}, KNOWN, {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
        ({"do_rescale": False}, KNOWN, {"mean": (0.5 / 255,) * 3, "std": (0.5 / 255,) * 3}),
        ({"rescale_factor": 2 / 255}, KNOWN, {"mean": (0.25,) * 3, "std": (0.25,) * 3}),
    ],
)
def test_what_a_processor_says(table: dict[str, Any], known: dict[str, Any], expected: dict[str, Any]) -> None:
    found = transform_from(table, known)
    for key, value in expected.items():
        assert found[key] == (pytest.approx(value) if key in ("mean", "std") else value)


@pytest.mark.parametrize("short", range(200, 700, 7))
def test_the_share_of_a_crop_is_read_back_as_the_same_pixels(short: int) -> None:
    import math

    table = {"size": {"shortest_edge": short}, "do_center_crop": True, "crop_size": 224}
    assert math.floor(224 / transform_from(table, KNOWN)["crop_pct"]) == short


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"image_mean": "abc"}, "image_mean is 'abc', expected three numbers"),
        ({"image_std": [0, 1, 1]}, r"image_std is \[0, 1, 1\], expected three numbers above 0"),
        ({"resample": 9}, "resample is 9, expected a number of Pillow's filters"),
        ({"resample": [3]}, r"resample is \[3\]"),
        ({"size": {"height": 1 << 40, "width": 3}}, "size is .*, expected pixels"),
        ({"size": {"longest_edge": 300}}, "size is .*, expected pixels"),
        ({"rescale_factor": 0}, "rescale_factor is 0"),
        ({"size": {"shortest_edge": 16}, "do_center_crop": True, "crop_size": 224}, "crop_size is 224 of 16 pixels"),
    ],
)
def test_values_that_cannot_be(table: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=words) as caught:
        known_transform({**KNOWN, "loaded_from": str(tmp_path)})
    assert "\n" not in str(caught.value)


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    known, notices = known_transform({**KNOWN, "loaded_from": str(tmp_path)})
    assert known["mean"] == (0.5,) * 3 and "no preprocessor_config.json came with the model" in notices[0]
    assert known["resizer"] == "torchvision" and "loaded_from" not in known
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": {"image_mean": 0.25}}))
    known, notices = known_transform({**KNOWN, "loaded_from": str(tmp_path)})
    assert known["mean"] == (0.25,) * 3 and notices == ()
    assert known_transform({**KNOWN, "loaded_from": None})[1]
    assert known_transform(KNOWN) == (KNOWN, ())
