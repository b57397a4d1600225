"""Rank correlations of many scores at once against scipy's own, one by one (no model; milliseconds)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from vitexplain.evaluation.correlation import spearman


@pytest.mark.parametrize("distinct", [3, 1000])
def test_equal_to_scipy_with_and_without_ties(distinct: int) -> None:
    random = np.random.default_rng(distinct)
    scores = random.integers(0, distinct, (5, 30)).astype(float)
    references = random.integers(0, distinct, (2, 30)).astype(float)
    found = spearman(scores, references)
    for row in range(5):
        for column in range(2):
            expected = spearmanr(scores[row], references[column]).statistic
            assert found[row, column] == pytest.approx(expected, abs=1e-12)


def test_constant_scores_have_no_correlation() -> None:
    scores = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    found = spearman(scores, np.array([[3.0, 2.0, 1.0], [5.0, 5.0, 5.0]]))
    assert np.isnan(found[0]).all()
    assert np.isnan(found[1, 1])
    assert found[1, 0] == pytest.approx(-1)
