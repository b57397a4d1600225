"""Bootstrap intervals against scipy's and against what they must be (no model; a second)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from vitexplain.evaluation.intervals import bootstrap


def test_close_to_scipy() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.2, (40, 1))
    low, high = bootstrap(values, seed=0)
    other = scipy_bootstrap((values[:, 0],), np.mean, n_resamples=10_000, method="percentile", rng=1)
    assert low[0] == pytest.approx(other.confidence_interval.low, abs=0.004)
    assert high[0] == pytest.approx(other.confidence_interval.high, abs=0.004)


def test_missing_values_are_left_out() -> None:
    column = np.random.default_rng(1).normal(size=30)
    with_gaps = np.concatenate((column, np.full(10, np.nan)))
    low, high = bootstrap(with_gaps[:, None], seed=0)
    assert low[0] < column.mean() < high[0]
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * column.std() / np.sqrt(30), rel=0.15)


def test_too_few_values_have_no_interval() -> None:
    values = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 2.0]])
    low, high = bootstrap(values, seed=0)
    assert np.isnan(low[:2]).all() and np.isnan(high[:2]).all()
    assert low[2] == high[2] == 2


def test_the_same_seed_gives_the_same_and_columns_share_resamples() -> None:
    values = np.random.default_rng(2).normal(size=(20, 1))
    pair = np.concatenate((values, values + 1), axis=1)
    low, high = bootstrap(pair, seed=3)
    assert low[1] - low[0] == pytest.approx(1)
    np.testing.assert_array_equal(bootstrap(pair, seed=3)[1], high)
