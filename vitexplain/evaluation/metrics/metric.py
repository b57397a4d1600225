"""What a metric is: what it measures of every image, and how its numbers become rows, tables and a plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
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
    from vitexplain.models import LoadedModel


class Metric(ABC):
    """A metric itself keeps nothing about an image: what it measures goes into the study's arrays.

    `names`: under which it is requested. `rows`: the names of its rows, `lower_is_better` those of which lower is
    better. `has_best`: it says which methods are better. `by_layer`: it has a row for every layer, not one per method.
    `of_others`: to measure an image it needs the scores of the image that it is paired with. `options`: the fields of
    the question that it uses besides methods and seed. `plot`: the file name of its plot.
    """

    names: ClassVar[tuple[str, ...]]
    rows: ClassVar[tuple[str, ...]]
    lower_is_better: ClassVar[frozenset[str]] = frozenset()
    has_best: ClassVar[bool] = True
    by_layer: ClassVar[bool] = False
    of_others: ClassVar[bool] = False
    options: ClassVar[frozenset[str]] = frozenset()
    plot: ClassVar[str | None] = None

    def check(self, question: Question) -> None:  # noqa: B027 - most metrics answer all questions
        """Raise UsageError for a question that the metric cannot answer."""

    def check_model(self, question: Question, model: LoadedModel) -> None:  # noqa: B027 - as above
        """Raise UsageError for a model of which the question cannot be asked."""

    def scores(self, question: Question) -> dict[Method, bool]:
        """Return the methods whose scores it uses, and whether by layer; the study computes them first."""
        return dict.fromkeys(question.methods, False)

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002 - for others to use
        """Return by name the arrays, other than scores, that the study lacks."""
        return {}

    @abstractmethod
    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the image's numbers, of which rows are means, from what the study keeps; NaN where undefined."""

    def in_words(self, row: str, asked: Collection[str]) -> str | None:  # noqa: ARG002 - as above
        """Return what a conclusion calls the row's measure; None where `asked`, the rows found, say it better."""
        return row.replace("_", " ")

    def curves(self, study: Study) -> Iterator[tuple[str, str, npt.NDArray[np.float64]]]:  # noqa: ARG002 - as above
        """Yield the image's curves for the plot: what each shows, the candidate, the curve (always of one length)."""
        yield from ()

    def fields(self, question: Question, row: str) -> dict[str, Any]:  # noqa: ARG002 - as above
        """Return the fields that the records of its rows of one name have besides those of all rows."""
        return {}

    @abstractmethod
    def tables(self, group: Group) -> list[Table]:
        """Return the tables of the rows of one name and reference."""

    def draw(self, evaluation: Evaluation) -> Figure | None:  # noqa: ARG002 - as above
        """Return its plot, None if it has none."""
        return None
