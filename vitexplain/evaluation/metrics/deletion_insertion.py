"""Deletion and insertion: the target's answer while patches are removed, or revealed, in the scores' order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.errors import UsageError
from vitexplain.evaluation.candidates import Candidate
from vitexplain.evaluation.ceiling import greedy_order
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.charts import chart_curves
from vitexplain.evaluation.controls import CEILING, RANDOM, is_control
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.removal import (
    Curve,
    Order,
    Removals,
    Removed,
    kept,
    measured,
    ranked,
    removal_fields,
    removed_at,
)
from vitexplain.evaluation.table import Group, Table, beside_controls
from vitexplain.methods import canonical_spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

LOGIT = "logit_"
"""Begins the names of the rows that follow the target's logit in place of its probability."""

_AREAS = ("deletion", "insertion", "insertion_minus_deletion")


class DeletionInsertion(Metric):
    """The areas under the two curves, which one measurement gives, and their difference where both are asked for.

    Each of the target's probability and of its logit. The difference is what Blücher et al. 2024 call the symmetric
    relevance gain: insertion removes the patches with the lowest scores first.
    """

    names = ("deletion", "insertion")
    rows = (*_AREAS, *(f"{LOGIT}{area}" for area in _AREAS))
    lower_is_better = frozenset({"deletion", f"{LOGIT}deletion"})
    of_others = True
    options = frozenset({"fill", "steps", "ceiling"})
    plot = "evaluation.curves.png"

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return (2, 2, steps + 1) of every candidate: both curves of the probability, then of the logit."""
        steps = study.question.steps
        found = measured(
            study,
            "curves",
            steps,
            lambda candidate, order: removals_of(order, _revealed(candidate, order), steps),
            lambda candidate, _, order: removal_curves(study.removals, order, _revealed(candidate, order), steps),
        )
        name = _ceiling_name(study)
        if study.question.ceiling and name not in study.arrays:
            found[name] = ceiling_curves(study.removals, _orders(study), steps)
        return found

    def check(self, question: Question) -> None:
        """Raise UsageError for a ceiling of one of the two."""
        if question.ceiling and not set(self.names) <= set(question.metrics):
            raise UsageError("`ceiling=True` is of insertion minus deletion: ask for both metrics, or leave it out")

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield for every candidate the areas asked for."""
        question = study.question
        asked = [row for row in _AREAS if row in question.metrics]
        if len(asked) == len(self.names):
            asked = list(_AREAS)
        for name, layer, curves in _every(study):
            for place, prefix in enumerate(_quantities(question)):
                deletion, insertion = (np.nan, np.nan) if curves is None else map(area, curves[place])
                areas = dict(zip(_AREAS, (deletion, insertion, insertion - deletion), strict=True))
                for row in asked:
                    yield Cell(f"{prefix}{row}", None, name, layer), areas[row]

    def in_words(self, row: str, asked: Collection[str]) -> str | None:
        """Return the row's name in words; None for the parts of a difference that is there, too."""
        prefix = LOGIT if row.startswith(LOGIT) else ""
        name = row.removeprefix(LOGIT)
        if name != _AREAS[-1] and f"{prefix}{_AREAS[-1]}" in asked:
            return None
        return f"{name.replace('_', ' ')}{' of the logit' if prefix else ''}"

    def curves(self, study: Study) -> Iterator[tuple[str, str, Curve]]:
        """Yield both curves of every candidate."""
        for name, _, curves in _every(study):
            if curves is not None:
                for what, curve in zip(self.names, curves[0], strict=True):
                    yield what, name, curve

    def fields(self, question: Question, row: str) -> dict[str, Any]:
        """Return whose curves they are, how patches are removed, and in how many steps."""
        of = {"of": "logit"} if row.startswith(LOGIT) else {}
        return {**removal_fields(question), **of, "steps": question.steps}

    def tables(self, group: Group) -> list[Table]:
        """Return the areas beside the controls."""
        question, name = group.question, group.metric.removeprefix(LOGIT)
        prefix = LOGIT if group.metric.startswith(LOGIT) else ""
        parts = [(part, group.means_of(f"{prefix}{part}")) for part in self.names]
        if name in self.names and group.means_of(f"{prefix}{_AREAS[-1]}"):
            return []  # it stands beside the difference
        of = "logit" if group.metric.startswith(LOGIT) else question.of
        lower = group.metric in self.lower_is_better
        words = {
            "deletion": f"Deletion, area under the {of}",
            "insertion": f"Insertion, area under the {of}",
            "insertion_minus_deletion": f"Insertion minus deletion of the {of}",
        }
        better = "lower" if lower else "higher"
        title = f"{words[name]} ({better} is better), fill={question.fill}, {question.steps} steps: {group.heading}"
        table = beside_controls(title, group, parts if name == _AREAS[-1] else (), lower_is_better=lower)
        return [replace(table, notes=(*table.notes, *_shares(group)))]

    def draw(self, evaluation: Evaluation) -> Figure | None:
        """Return a panel for each of the two."""
        return chart_curves(evaluation, (("deletion", "removed"), ("insertion", "revealed")))


def _every(study: Study) -> Iterator[tuple[str, int, npt.NDArray[Any] | None]]:
    """Yield the name, layer and curves of every candidate, and of the ceiling; None where there are none."""
    for candidate, curves in kept(study, "curves", study.question.steps):
        yield candidate.name, candidate.layers[-1], curves
    if study.question.ceiling:
        yield CEILING, study.facts.layers, study.arrays[_ceiling_name(study)]


def _orders(study: Study) -> list[Order]:
    """Return the orders that the ceiling is made of: those of the methods and of the centre."""
    own = [each for each in study.candidates(by_layer=False) if not each.of_other and each.name != RANDOM]
    scores = [study.scores(candidate, candidate.layers[-1]) for candidate in own]
    return [ranked(each, study.question.seed, study.image) for each in scores if each is not None]


def _ceiling_name(study: Study) -> str:
    question = study.question
    methods = " ".join(canonical_spec(method) for method in question.methods)
    return f"ceiling {question.fill} {question.steps} {question.seed} {methods}"


def _shares(group: Group) -> Iterator[str]:
    """Yield which share of the ceiling every method reaches."""
    means = {row.cell.method: row.mean or 0.0 for row in group.rows}
    top = means.get(CEILING)
    if top:
        methods = sorted((name for name in means if not is_control(name)), key=lambda name: -means[name])
        shares = [f"{name} {means[name] / top:.0%}" for name in methods]
        yield f"Of what the best orders found reach ({CEILING}): {', '.join(shares)}."


def _quantities(question: Question) -> tuple[str, ...]:
    """Return how the rows' names begin, quantity by quantity: what has no probability has one row each."""
    return ("", LOGIT) if question.of == "probability" else ("",)


def _revealed(candidate: Candidate, order: Order) -> Order:
    """Return the order in which patches are revealed.

    Random patches are revealed in the reverse order, which is as random: the variants are those of deletion.
    """
    return order[::-1] if candidate.name == RANDOM else order


def removals_of(order: Order, revealed: Order, steps: int) -> Removed:
    """Return which patches are removed (2 * (steps + 1), P) at each step of deletion, then of insertion."""
    return np.concatenate((removed_at(order, steps), ~removed_at(revealed, steps)))


def removal_curves(removals: Removals, order: Order, revealed: Order, steps: int) -> npt.NDArray[np.float64]:
    """Return (2, 2, steps + 1): for probability and logit, the curves while patches are removed, and revealed.

    Petsiuk et al. 2018 (RISE), section 4.2, in `steps` equal parts. The first curve begins with the whole image and
    ends with none of its patches, the second the other way round.
    """
    return removals.answers(removals_of(order, revealed, steps)).reshape(2, 2, steps + 1)


def ceiling_curves(removals: Removals, orders: Sequence[Order], steps: int) -> npt.NDArray[np.float64]:
    """Return the curves (2, 2, steps + 1) of the best of `orders` and of one made greedily of all of them.

    The best for the probability, and the best for the logit, which may be another one.
    """
    found = [removal_curves(removals, each, each, steps) for each in (*orders, greedy_order(removals, orders, steps))]
    best = [max((both[of] for both in found), key=lambda both: area(both[1]) - area(both[0])) for of in (0, 1)]
    return np.stack(best)


def area(curve: Curve) -> float:
    """Return the area under a curve over [0, 1] by the trapezoidal rule."""
    return float((curve[1:] + curve[:-1]).mean() / 2)
