"""Localisation: do the scores lie on the object? By boxes or masks, beside what chance reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.errors import UsageError
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.controls import CHANCE
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.table import Group, Table, beside_controls

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

Numbers = npt.NDArray[Any]

OFF_CENTRE = "_off_centre"
"""Ends the names of rows over the images whose object does not lie at the centre of the view."""

_NAMES = ("energy", "auroc", "pointing")
_WORDS = {
    "energy": "Energy inside the object, share of the positive scores",
    "auroc": "AUROC, patches of the object against the others",
    "pointing": "Pointing game, share of the highest patch that is object",
}


class Localisation(Metric):
    """Three measures of each map against the object's share of each patch.

    `energy` (Wang et al. 2020, Score-CAM, section 4.3), `pointing` (Zhang et al. 2018, section 4.1, its tolerance being
    the patch) and `auroc`, for which a patch is object where at least half of it is.
    """

    names = _NAMES
    rows = (*_NAMES, *(f"{name}{OFF_CENTRE}" for name in _NAMES))
    of_others = True

    def check(self, question: Question) -> None:
        """Raise UsageError where nothing says where the objects are."""
        if question.objects is None:
            asked = next(name for name in self.names if name in question.metrics)
            raise UsageError(f"metric '{asked}' needs to know where the objects are: give `boxes=` or `masks=`")

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return the object's share of each patch, and whether it lies at the view's centre (P + 1,)."""
        name, objects = _name(study), study.question.objects
        if name is None or name in study.arrays:
            return {}
        assert objects is not None and study.annotation is not None
        seen, facts = study.seen, study.facts
        region = objects.region(study.annotation, seen, study.given.path, study.is_explained)
        left, top, right, bottom = seen.view.box
        central = region.covers((left + right) / 2, (top + bottom) / 2)
        return {name: np.append(region.coverage(seen.view.box, facts.rows, facts.cols), float(central))}

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the three measures of every candidate and of chance; NaN for an image without an object in its view."""
        name, asked = _name(study), [name for name in self.names if name in study.question.metrics]
        found = None if name is None else study.arrays.get(name)
        shares, central = (np.zeros(study.facts.grid).ravel(), True) if found is None else (found[:-1], bool(found[-1]))
        for candidate in study.candidates(by_layer=False, shared=True):
            scores = study.scores(candidate, candidate.layers[-1])
            measures = {"energy": energy, "auroc": auroc, "pointing": pointing}
            for row in asked:
                value = np.nan if scores is None else measures[row](scores, shares)
                yield from _cells(row, candidate.name, candidate.layers[-1], value, central=central)
        level = float(shares.mean()) or np.nan
        by_chance = {"energy": level, "pointing": level, "auroc": 0.5 if _both(shares >= 0.5) else np.nan}
        for row in asked:
            yield from _cells(row, CHANCE, study.facts.layers, by_chance[row], central=central)

    def in_words(self, row: str, asked: Collection[str]) -> str | None:  # noqa: ARG002 - all are said
        """Return the row's name in words; none off the centre, which is a part of the others."""
        return {"energy": "energy inside the object", "auroc": "AUROC", "pointing": "the pointing game"}.get(row)

    def fields(self, question: Question, row: str) -> dict[str, Any]:  # noqa: ARG002 - the same for all
        """Return what says where the objects are."""
        return {} if question.objects is None else {"objects": question.objects.kind}

    def tables(self, group: Group) -> list[Table]:
        """Return the means beside the controls, with those over the images whose object is off the centre."""
        name, count = group.metric.removesuffix(OFF_CENTRE), max(row.n for row in group.rows)
        if name != group.metric:
            return []
        off_centre = group.means_of(f"{name}{OFF_CENTRE}")
        kind = "" if group.question.objects is None else group.question.objects.kind
        images = f"{count} image{'s' * (count != 1)} with {kind}"
        heading = (
            f"{images}, {max(off_centre.values(), key=lambda row: row.n).n} off the centre, {group.question.about}"
        )
        return [beside_controls(f"{_WORDS[name]} (higher is better): {heading}", group, (("off centre", off_centre),))]


def _name(study: Study) -> str | None:
    """Return under which name the object is kept; None where nothing says where it is."""
    objects = study.question.objects
    if objects is None or study.annotation is None:
        return None
    return f"object {objects.kind} {objects.mark(study.annotation, study.is_explained)}"


def _cells(row: str, candidate: str, layer: int, value: float, *, central: bool) -> Iterator[tuple[Cell, float]]:
    yield Cell(row, None, candidate, layer), value
    yield Cell(f"{row}{OFF_CENTRE}", None, candidate, layer), np.nan if central else value


def energy(scores: Numbers, shares: Numbers) -> float:
    """Return which share of the positive scores (P,) lies on the object, given its share (P,) of each patch.

    NaN without a positive score, or without an object.
    """
    positive = np.maximum(np.asarray(scores, np.float64), 0)
    total = positive.sum()
    return float(positive @ shares / total) if total > 0 and shares.any() else float("nan")


def auroc(scores: Numbers, shares: Numbers) -> float:
    """Return how likely a patch of the object, at least half of it, scores above one that is not; ties count half.

    The area under the receiver operating characteristic. NaN unless there are patches of both kinds.
    """
    from scipy.stats import rankdata  # costs half a second, which other commands need not pay

    inside = shares >= 0.5
    if not _both(inside):
        return float("nan")
    count = int(inside.sum())
    above = rankdata(scores)[inside].sum() - count * (count + 1) / 2
    return float(above / (count * (len(inside) - count)))


def pointing(scores: Numbers, shares: Numbers) -> float:
    """Return the object's share of the patch with the highest score, the mean of several; NaN without an object."""
    scores = np.asarray(scores)
    return float(shares[scores == scores.max()].mean()) if shares.any() else float("nan")


def _both(inside: npt.NDArray[np.bool_]) -> bool:
    return bool(inside.any() and not inside.all())
