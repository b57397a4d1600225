"""Deletion and insertion: the target's answer while patches are removed, or revealed, in the scores' order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.charts import chart_curves
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.removal import Curve, answers, end, kept, measured, removal_fields
from vitexplain.evaluation.table import Group, Table, beside_controls
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study


class DeletionInsertion(Metric):
    """The areas under the two curves, which one measurement gives, and their difference where both are asked for."""

    names = ("deletion", "insertion")
    rows = ("deletion", "insertion", "insertion_minus_deletion")
    lower_is_better = frozenset({"deletion"})
    of_others = True
    options = frozenset({"fill", "steps"})
    plot = "evaluation.curves.png"

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return both curves (2, steps + 1) of every candidate."""
        question = study.question
        return measured(
            study,
            "curves",
            question.steps,
            lambda _, order: removal_curves(study.forward_pass, order, question.steps, question.fill),
        )

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield for every candidate the areas asked for."""
        question = study.question
        asked = [row for row in self.rows if row in question.metrics]
        if len(asked) == len(self.names):
            asked = list(self.rows)
        for candidate, curves in kept(study, "curves", question.steps):
            deletion, insertion = (np.nan, np.nan) if curves is None else (area(curves[0]), area(curves[1]))
            areas = dict(zip(self.rows, (deletion, insertion, insertion - deletion), strict=True))
            for row in asked:
                yield Cell(row, None, candidate.name, candidate.layers[-1]), areas[row]

    def curves(self, study: Study) -> Iterator[tuple[str, str, Curve]]:
        """Yield both curves of every candidate."""
        for candidate, curves in kept(study, "curves", study.question.steps):
            if curves is not None:
                for name, curve in zip(self.names, curves, strict=True):
                    yield name, candidate.name, curve

    def fields(self, question: Question) -> dict[str, Any]:
        """Return how patches are removed, and in how many steps."""
        return {**removal_fields(question), "steps": question.steps}

    def tables(self, group: Group) -> list[Table]:
        """Return the areas beside the controls."""
        question = group.question
        better = "lower" if group.metric in self.lower_is_better else "higher"
        what = f"Area under the {group.metric.replace('_', ' ')} curve ({better} is better)"
        title = f"{what}, fill={question.fill}, {question.steps} steps: {group.heading}"
        return [beside_controls(title, group, lower_is_better=better == "lower")]

    def draw(self, evaluation: Evaluation) -> Figure | None:
        """Return a panel for each of the two."""
        return chart_curves(evaluation, (("deletion", "removed"), ("insertion", "revealed")))


def removal_curves(
    forward_pass: ForwardPass, order: npt.NDArray[np.intp], steps: int, fill: FillName
) -> npt.NDArray[np.float64]:
    """Return (2, steps + 1): the target's answer while patches are removed, and revealed, in this order.

    Petsiuk et al. 2018 (RISE), section 4.2, in `steps` equal parts. The first curve begins with the whole image and
    ends with none of its patches, the second the other way round.
    """
    patches = len(order)
    counts = np.round(np.linspace(0, patches, steps + 1)).astype(int)
    places = np.empty(patches, int)
    places[order] = np.arange(patches)
    removed = places < counts[:, None]
    between = removed[1:-1]
    deletion, insertion = np.split(answers(forward_pass, np.concatenate((between, ~between)), fill), 2)
    whole, empty = (end(forward_pass, patches, fill, empty=empty) for empty in (False, True))
    return np.stack((np.concatenate((whole, deletion, empty)), np.concatenate((empty, insertion, whole))))


def area(curve: Curve) -> float:
    """Return the area under a curve over [0, 1] by the trapezoidal rule."""
    return float((curve[1:] + curve[:-1]).mean() / 2)
