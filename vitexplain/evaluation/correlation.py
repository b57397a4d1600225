"""Spearman's rank correlation of many scores with many references at once, ties handled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def spearman(scores: npt.NDArray[Any], references: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (K, R): the correlation of scores (K, P) with references (R, P); NaN where one of the two is constant.

    Pearson's correlation of the ranks, tied values sharing the mean of theirs (scipy.stats.rankdata).
    """
    found: npt.NDArray[np.float64] = _unit_ranks(scores) @ _unit_ranks(references).T
    return np.clip(found, -1, 1)


def _unit_ranks(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the ranks of each row, centred and of length 1; NaN for a row that is constant."""
    from scipy.stats import rankdata  # costs half a second, which other commands need not pay

    ranks = np.asarray(rankdata(values, axis=-1), np.float64)
    ranks -= ranks.mean(-1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=-1, keepdims=True)
    lengths[lengths == 0] = np.nan
    unit: npt.NDArray[np.float64] = ranks / lengths
    return unit
