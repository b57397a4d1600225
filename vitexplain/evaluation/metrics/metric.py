"""What a metric is: what it measures of every image, and how its numbers become rows, tables and a plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.methods import Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study
    from vitexplain.evaluation.table import Group, Table


class Metric(ABC):
    """A metric keeps nothing of an image itself: what it measures goes into the study's arrays.

    `names`: what it is asked for by. `rows`: what its rows are called, `lower_is_better` which of them are better when
    lower. `by_layer`: it has a row for every layer, not one for a method. `of_others`: to measure an image it needs the
    scores of the image's other one. `options`: the fields of the question that it uses beside methods and seed.
    `plot`: the file that its plot is called.
    """

    names: ClassVar[tuple[str, ...]]
    rows: ClassVar[tuple[str, ...]]
    lower_is_better: ClassVar[frozenset[str]] = frozenset()
    by_layer: ClassVar[bool] = False
    of_others: ClassVar[bool] = False
    options: ClassVar[frozenset[str]] = frozenset()
    plot: ClassVar[str | None] = None

    def check(self, question: Question) -> None:  # noqa: B027 - most metrics answer all questions
        """Raise UsageError for a question that the metric cannot answer."""

    def scores(self, question: Question) -> dict[Method, bool]:
        """Return the methods whose scores it looks at, and whether by layer; the study computes them first."""
        return dict.fromkeys(question.methods, False)

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002 - for others to use
        """Return by name the arrays that the study lacks beside scores."""
        return {}

    @abstractmethod
    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the image's numbers, of which rows are means, from what the study keeps; NaN where undefined."""

    def curves(self, study: Study) -> Iterator[tuple[str, str, npt.NDArray[np.float64]]]:  # noqa: ARG002 - as above
        """Yield for its plot what a curve of the image shows, the candidate, and the curve (any length, always one)."""
        yield from ()

    def fields(self, question: Question) -> dict[str, Any]:  # noqa: ARG002 - as above
        """Return what the records of its rows say beside what all say."""
        return {}

    @abstractmethod
    def tables(self, group: Group) -> list[Table]:
        """Return the tables of the rows of one name and reference."""

    def draw(self, evaluation: Evaluation) -> Figure | None:  # noqa: ARG002 - as above
        """Return its plot, None if it has none."""
        return None
