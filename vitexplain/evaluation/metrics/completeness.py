"""Completeness: do the scores add up to what the method says they do?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.errors import UsageError
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.measuring import last_scores
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.removal import Removals
from vitexplain.evaluation.table import Group, Table, means_only
from vitexplain.methods import Method, canonical_spec, options_of

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study


class Completeness(Metric):
    """The error of methods whose scores add up to the logit's change from the empty picture, relative to that change.

    A method says so by `sums_to_change`, and what the empty picture shows by its option `fill`.
    """

    names = rows = ("completeness",)
    has_best = False

    def check(self, question: Question) -> None:
        """Raise UsageError where no method claims it."""
        if not _complete(question):
            raise UsageError(
                "metric 'completeness': none of the methods says what its scores add up to: add integrated-gradients, "
                "or leave the metric out"
            )

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return the target's logit of the image and of the empty picture (2,), for every fill."""
        found = {}
        for method in _complete(study.question):
            name = _name(method)
            if name not in study.arrays and name not in found:
                removed = np.repeat([[False], [True]], study.facts.rows * study.facts.cols, axis=1)
                found[name] = Removals(study.forward_pass, options_of(method)["fill"]).answers(removed)[1]
        return found

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the relative error of every method that claims it; NaN where the logit does not change."""
        layers = study.facts.layers
        for method in _complete(study.question):
            whole, empty = study.arrays[_name(method)]
            total = float(last_scores(study.arrays, method, layers).sum(dtype=np.float64))
            error = abs(total - (whole - empty)) / abs(whole - empty) if whole != empty else np.nan
            yield Cell("completeness", None, canonical_spec(method), layers), float(error)

    def tables(self, group: Group) -> list[Table]:
        """Return the means."""
        what = "Completeness, error of the scores' sum relative to the change of the logit (0: complete)"
        return [means_only(f"{what}: {group.heading}", group, lower_is_better=True)]


def _complete(question: Question) -> list[Method]:
    return [method for method in question.methods if getattr(method, "sums_to_change", False)]


def _name(method: Method) -> str:
    return f"whole and empty {options_of(method)['fill']}"
