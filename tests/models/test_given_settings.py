"""Sizes, means and deviations as users write them, from the command line and in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vitexplain.errors import UsageError
from vitexplain.models.given_settings import given_settings, require_whole_patches
from vitexplain.models.training_settings import TrainingSettings


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (384, (384, 384)),
        ("384", (384, 384)),
        ("384x512", (384, 512)),
        ((384, 512), (384, 512)),
        ([384, 512], (384, 512)),
        (np.int32(384), (384, 384)),
        (np.array([384, 512]), (384, 512)),
        (None, None),
    ],
)
def test_sizes(given: Any, size: tuple[int, int] | None) -> None:
    assert given_settings(image_size=given).image_size == size


@pytest.mark.parametrize(
    "given", ["384x", "x", "1x2x3", "384,512", "big", "", (1, 2, 3), (), 0, -5, 3.5, True, 10**30, "9" * 6000, object()]
)
def test_sizes_that_cannot_be(given: Any) -> None:
    with pytest.raises(UsageError, match=r"^image_size '.{0,43}': expected pixels, such as 384 or 384x512") as caught:
        given_settings(image_size=given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "three"),
    [
        ("0.1,0.2,0.3", (0.1, 0.2, 0.3)),
        (" 0.1, 0.2, 0.3 ", (0.1, 0.2, 0.3)),
        ((0.1, 0.2, 0.3), (0.1, 0.2, 0.3)),
        (np.array([0.5, 0.25, 0.125]), (0.5, 0.25, 0.125)),
        (0.5, (0.5,) * 3),
        ("0.5", (0.5,) * 3),
        (1, (1.0,) * 3),
        ([127.5, 255, 51], (0.5, 1.0, 0.2)),
    ],
)
def test_channels(given: Any, three: tuple[float, ...]) -> None:
    assert given_settings(mean=given).mean == pytest.approx(three)
    assert given_settings(std=given).std == pytest.approx(three)


def test_both_are_of_one_scale() -> None:
    found = given_settings(mean=(0, 0, 0), std=(255, 255, 255))
    assert (found.mean, found.std) == ((0, 0, 0), (1, 1, 1))
    found = given_settings(mean="123.7,116.8,103.9", std=1)
    assert found.std == pytest.approx((1 / 255,) * 3)


@pytest.mark.parametrize("given", ["1,2", "a,b,c", "nan,1,1", "1,1,1,1", [], object(), float("inf"), ["x"] * 3, "-,-"])
@pytest.mark.parametrize("name", ["mean", "std"])
def test_channels_that_cannot_be(name: str, given: Any) -> None:
    with pytest.raises(UsageError, match=rf"^{name} '.*': expected three numbers .*`{name}=0\.5,0\.5,0\.5`$"):
        given_settings(**{name: given})


@pytest.mark.parametrize("std", ["0,0,0", -1, (0.5, 0.5, 0.0)])
def test_a_deviation_is_above_0(std: Any) -> None:
    with pytest.raises(UsageError, match="expected three numbers above 0"):
        given_settings(std=std)


@pytest.mark.parametrize("pool", ["map", "mean", "", 3])
def test_poolings_that_cannot_be(pool: Any) -> None:
    with pytest.raises(UsageError, match=r"^pool '.*': expected avg \(the mean of the patches\) or token"):
        given_settings(pool=pool)


def test_whole_patches() -> None:
    require_whole_patches((32, 48), (16, 16))
    for size, words in [
        ((40, 48), "`image_size=32x48`"),
        ((8, 8), "`image_size=16x16`"),
        ((8192, 8192), "262,144"),
    ]:
        with pytest.raises(UsageError, match=words):
            require_whole_patches(size, (16, 16))


def test_one_before_the_other() -> None:
    one, other = TrainingSettings(mean=(0, 0, 0)), TrainingSettings(mean=(1, 1, 1), crop_pct=0.5)
    assert one.before(other) == TrainingSettings(mean=(0, 0, 0), crop_pct=0.5)
    assert other.before(one) == other
