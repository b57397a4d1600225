"""The heatmap: exact at the centres of the patches, never outside the range of the neighbours, equal stays equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vitexplain.images import View
from vitexplain.render import Drawing, draw_heatmap
from vitexplain.render.heatmap import enlarged, palette, shares

VIEW = View("crop", (0, 0, 224, 224), (224, 224))


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.integers(1, 9), elements=st.floats(0, 1, width=32)))
def test_centres_keep_their_score_and_pixels_between_stay_between(values: np.ndarray) -> None:
    pixels = 15
    drawn = enlarged(values[:, None], 0, len(values) * pixels, len(values) * pixels)[:, 0]
    centres = drawn[pixels // 2 :: pixels]
    assert np.allclose(centres, values, atol=1e-6)
    for left, right, patch in zip(values, values[1:], range(len(values)), strict=False):
        between = drawn[patch * pixels + pixels // 2 : (patch + 1) * pixels + pixels // 2 + 1]
        steps = np.diff(between) * (1 if right >= left else -1)
        assert (steps >= -1e-6).all(), "not monotone from one centre to the next"
    assert (drawn[: pixels // 2] == drawn[0]).all() and (drawn[-(pixels // 2) :] == drawn[-1]).all()


def test_enlarging_agrees_with_a_literal_hermite_interpolation() -> None:
    values = np.array([0.1, 0.4, 0.5, 0.2, 0.9, 0.9], np.float32)
    start, end, length = -3.5, 40.25, 37
    drawn = enlarged(values[:, None], start, end, length)[:, 0]
    slope = [0.0] * 6
    for patch in range(1, 5):
        before, after = values[patch] - values[patch - 1], values[patch + 1] - values[patch]
        if before * after > 0:
            slope[patch] = 2 / (1 / before + 1 / after)
    for pixel in range(length):
        place = min(max((pixel + 0.5 - start) / (end - start) * 6 - 0.5, 0), 5)
        patch = min(int(place), 4)
        t = place - patch
        expected = (
            values[patch] * (2 * t**3 - 3 * t**2 + 1)
            + slope[patch] * (t**3 - 2 * t**2 + t)
            + values[patch + 1] * (-2 * t**3 + 3 * t**2)
            + slope[patch + 1] * (t**3 - t**2)
        )
        assert drawn[pixel] == pytest.approx(expected, abs=1e-6)


def test_the_largest_score_gets_the_last_colour_in_the_middle_of_its_patch() -> None:
    scores = np.zeros((16, 16), np.float32)
    scores[3, 12] = 0.02
    drawn = np.asarray(draw_heatmap(scores, VIEW, Drawing()))
    assert drawn.shape == (224, 224, 3)
    light = drawn.astype(int).sum(axis=2)
    rows, cols = np.nonzero(light > light.max() * 0.98)
    assert {int(row) // 14 for row in rows} == {3} and {int(col) // 14 for col in cols} == {12}
    assert (drawn[0, 0] == palette("inferno")[0]).all()


@pytest.mark.parametrize("value", [0.0, 1 / 257, -3.0, 1e30])
def test_equal_scores_are_one_colour_also_where_rounding_made_them_differ(value: float) -> None:
    noise = 1 + 1e-7 * np.random.default_rng(0).standard_normal((14, 14))
    drawn = np.asarray(draw_heatmap((value * noise).astype(np.float32), VIEW, Drawing()))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 1
    assert (drawn[0, 0] == palette("inferno")[128]).all()


def test_scores_that_truly_differ_are_not_taken_for_equal() -> None:
    scores = np.array([[1.0, 1.0001]], np.float32)
    assert shares(scores, Drawing()).tolist() == [[0, 1]]


def test_a_given_scale_makes_two_images_comparable_and_cuts_at_its_ends() -> None:
    scores = np.array([[-1.0, 0.0, 0.5, 1.0, 7.0]])
    assert shares(scores, Drawing(scale=(0, 1))).tolist() == [[0, 0, 0.5, 1, 1]]


def test_a_range_that_overflows_is_still_drawn() -> None:
    scores = np.array([[-1.5e308, 0.0, 1.5e308]])
    assert shares(scores, Drawing()).tolist() == [[0, 0.5, 1]]


def test_drawing_leaves_the_scores_alone() -> None:
    scores = np.random.default_rng(0).random((5, 7))
    kept = scores.copy()
    draw_heatmap(scores, View("whole", (0, 0, 70, 50), (50, 70)), Drawing(scale=(0.2, 0.4)))
    assert (scores == kept).all()
