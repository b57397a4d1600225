"""Gini's index by hand and against its definition (no model; milliseconds)."""

from __future__ import annotations

import numpy as np
import pytest

from vitexplain.evaluation.metrics.sparseness import gini


def test_one_patch_alone_and_all_alike() -> None:
    assert gini(np.array([0, 0, -7, 0.0])) == pytest.approx(1 - 1 / 4)
    assert gini(np.full(9, 0.3)) == pytest.approx(0)
    assert gini(np.array([-2.0, 2, 2, -2])) == pytest.approx(0), "signs do not matter"
    assert np.isnan(gini(np.zeros(4)))


def test_half_the_mean_difference_over_the_mean() -> None:
    scores = np.random.default_rng(0).normal(size=30)
    sizes = np.abs(scores)
    differences = np.abs(sizes[:, None] - sizes[None]).mean()
    assert gini(scores) == pytest.approx(differences / (2 * sizes.mean()))


def test_uniform_random_scores_reach_a_third() -> None:
    assert gini(np.random.default_rng(1).random(100_000)) == pytest.approx(1 / 3, abs=0.005)
