"""Sparseness: how few patches carry the scores (Gini's index)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.table import Group, Table, means_only

if TYPE_CHECKING:
    from vitexplain.evaluation.study import Study


class Sparseness(Metric):
    """Gini's index of the scores' sizes (Chalasani et al., ICML 2020): 0 all equal, near 1 one patch alone."""

    names = rows = ("sparseness",)
    has_best = False

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the index of every candidate; NaN where all scores are 0."""
        for candidate in study.candidates(by_layer=False):
            scores = None if candidate.of_other else study.scores(candidate, candidate.layers[-1])
            if scores is not None:
                yield Cell("sparseness", None, candidate.name, candidate.layers[-1]), gini(scores)

    def tables(self, group: Group) -> list[Table]:
        """Return the means."""
        return [means_only(f"Sparseness, Gini's index (0 all patches alike, 1 one alone): {group.heading}", group)]


def gini(scores: npt.NDArray[Any]) -> float:
    """Return Gini's index of the absolute values of scores (P,), 0 to 1 - 1 / P; NaN where all are 0."""
    sizes = np.sort(np.abs(np.asarray(scores, np.float64)))
    total, count = sizes.sum(), len(sizes)
    if total == 0:
        return float("nan")
    return float((2 * np.arange(1, count + 1) - count - 1) @ sizes / (count * total))
