"""SaCo: do groups of patches with higher scores cost the target more? (Wu et al., CVPR 2024)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.removal import Order, Removals, Removed, kept, measured, removal_fields
from vitexplain.evaluation.table import Group, Table, beside_controls

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study


class Saco(Metric):
    """The salience-guided faithfulness coefficient."""

    names = rows = ("saco",)
    of_others = True
    options = frozenset({"fill", "groups"})

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return the coefficient of every candidate."""
        groups = study.question.groups
        return measured(
            study,
            "saco",
            groups,
            lambda _, order: _removals_of(order, groups),
            lambda _, scores, order: np.array(saco(study.removals, scores, order, groups)),
        )

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the coefficient of every candidate; NaN where all groups have equal scores."""
        for candidate, found in kept(study, "saco", study.question.groups):
            value = float("nan") if found is None else float(found)
            yield Cell("saco", None, candidate.name, candidate.layers[-1]), value

    def in_words(self, row: str, asked: Collection[str]) -> str | None:  # noqa: ARG002 - one row
        """Return its name."""
        return "SaCo"

    def fields(self, question: Question, row: str) -> dict[str, Any]:  # noqa: ARG002 - one row
        """Return how patches are removed, and in how many groups."""
        return {**removal_fields(question), "groups": question.groups}

    def tables(self, group: Group) -> list[Table]:
        """Return the coefficients beside the controls."""
        question = group.question
        what = f"SaCo (-1 to 1, higher is better), fill={question.fill}, {question.groups} groups"
        return [beside_controls(f"{what}: {group.heading}", group)]


def saco(removals: Removals, scores: npt.NDArray[Any], order: Order, groups: int) -> float:
    """Return the salience-guided faithfulness coefficient, -1 to 1 (Wu et al., CVPR 2024, algorithm 1).

    Patches in the order of their scores make groups of equal size; each is removed alone. Every pair of groups
    counts with the difference of their scores: for, if the removal of the higher one costs the target at least as much
    probability, against otherwise. NaN if all groups have equal scores. Where the number of patches is not divisible, a
    group's score is the mean of its patches times the mean size.
    """
    whole, *without = removals.answers(_removals_of(order, groups))[0]
    salience = [scores[part].mean(dtype=np.float64) for part in _parts(order, groups)]
    return coefficient(np.array(salience), whole - np.array(without))


def _parts(order: Order, groups: int) -> list[Order]:
    return np.array_split(order, min(groups, len(order)))


def _removals_of(order: Order, groups: int) -> Removed:
    """Return which patches are removed (1 + groups, P): none, then each group alone."""
    parts = _parts(order, groups)
    removed = np.zeros((1 + len(parts), len(order)), bool)
    for row, part in enumerate(parts, 1):
        removed[row, part] = True
    return removed


def coefficient(salience: npt.NDArray[np.float64], drops: npt.NDArray[np.float64]) -> float:
    """Return SaCo of groups in the order of falling salience, and of their drops."""
    above, below = np.triu_indices(len(salience), 1)
    weights = salience[above] - salience[below]
    total = float(np.abs(weights).sum())
    if total == 0:
        return float("nan")
    return float(np.where(drops[above] >= drops[below], weights, -weights).sum() / total)
