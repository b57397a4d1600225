"""Smoothing of neighbouring patches against loops, and as an option of every method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.literal_vit import small_pixels, small_vit
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, canonical_spec, parse_spec, scores_by_layer
from vitexplain.methods.smoothing import smoothed
from vitexplain.models import wrap_model
from vitexplain.tokens import TokenGrid


def by_hand(scores: np.ndarray[Any, Any], share: float) -> np.ndarray[Any, Any]:
    rows, cols = scores.shape
    found = np.zeros_like(scores)
    for row in range(rows):
        for col in range(cols):
            total = weight = 0.0
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    if 0 <= row + down < rows and 0 <= col + right < cols:
                        own = (2 - abs(down)) * (2 - abs(right))
                        total += own * scores[row + down, col + right]
                        weight += own
            found[row, col] = (1 - share) * scores[row, col] + share * total / weight
    return found


@pytest.mark.parametrize(("rows", "cols"), [(4, 3), (1, 5), (2, 1), (1, 1)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_equals_loops(rows: int, cols: int, share: float) -> None:
    maps = np.random.default_rng(0).normal(size=(2, rows, cols))
    found = smoothed(maps.reshape(2, -1), TokenGrid(1, rows, cols), share)
    expected = np.stack([by_hand(one, share) for one in maps])
    np.testing.assert_allclose(found.reshape(maps.shape), expected, rtol=1e-12)


def test_equal_scores_stay_equal_in_their_own_precision() -> None:
    values = np.full((1, 12), 0.1, np.float32)
    found = smoothed(values, TokenGrid(1, 3, 4), 0.5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("spec", [*METHODS, "rollout:fusion=gradient", "attn-lrp:layers=1:2"])
def test_is_an_option_of_every_method_and_of_its_scores_by_layer(spec: str) -> None:
    method, plain = parse_spec(f"{spec}{',' if ':' in spec else ':'}smooth=0.50"), parse_spec(spec)
    assert "smooth=0.5" in canonical_spec(method)
    run = ForwardPass(wrap_model(small_vit()), small_pixels(), method.fusions, ("a", "b"))
    for found, scores in [
        (method(run), plain(run)),
        *zip(scores_by_layer(method, run).values(), scores_by_layer(plain, run).values(), strict=True),
    ]:
        np.testing.assert_allclose(found.values, smoothed(scores.values, run.grid, 0.5), rtol=1e-6)
        assert not np.allclose(found.values, scores.values)
