"""A picture of a koala and a dog, side by side: class-specific methods tell them apart, rollout does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from vitexplain.pipeline import explain
from vitexplain.result import Result, Target

SAMPLES = Path(__file__).parents[2] / "sample_images"
AT_LEAST = {
    "rollout:fusion=gradient": 0.6,
    "rollout:fusion=gradient,layers=4:12": 0.65,
    "relevance": 0.65,
    "legrad": 0.55,
    "attn-lrp": 0.9,
    "attn-lrp:layers=1:12,smooth=0.5": 0.9,
}
"""The share of positive score that lies on the target's own half, a little below what was measured."""


def koala_and_dog() -> Image.Image:
    """Return the two sample photographs, cut to squares, the koala at the left."""
    whole = Image.new("RGB", (896, 448))
    for left, name in ((0, "koala.jpg"), (448, "german_shepherd.jpg")):
        with Image.open(SAMPLES / name) as photo:
            whole.paste(ImageOps.fit(photo.convert("RGB"), (448, 448)), (left, 0))
    return whole


@pytest.fixture(scope="module")
def result() -> Result:
    return explain("builtin", koala_and_dog(), ["rollout", *AT_LEAST], view="whole", target="top2")


def left_share(scores: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    """Return the share of positive score in the left half."""
    positive = scores.clip(min=0)
    return float(positive[:, : scores.shape[1] // 2].sum() / positive.sum())


def test_the_model_sees_both(result: Result) -> None:
    assert {prediction.label for prediction in result.predictions[:2]} == {"koala", "German shepherd"}


@pytest.mark.parametrize("spec", AT_LEAST)
def test_each_class_lies_on_its_own_half(result: Result, spec: str) -> None:
    of_method = [one for one in result.explanations if one.spec == spec]
    shares = {one.target.label: left_share(one.scores) for one in of_method if isinstance(one.target, Target)}
    assert shares["koala"] > AT_LEAST[spec]
    assert 1 - shares["German shepherd"] > AT_LEAST[spec]


def test_rollout_with_mean_fusion_lies_on_both(result: Result) -> None:
    assert 0.4 < left_share(result.explanations[0].scores) < 0.6
