"""Rows: what the judge found, one number with its spread a row, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vitexplain import __version__
from vitexplain.evaluation.intervals import Values, bootstrap
from vitexplain.evaluation.question import Question
from vitexplain.methods import Method, canonical_spec, options_of

LOWER_IS_BETTER = frozenset({"deletion"})

_OF_REFERENCE = ("of", "fill", "window")


@dataclass(frozen=True)
class Cell:
    """What one value an image is about. `control`: the control that was subtracted, in rows of differences."""

    metric: str
    reference: Method | None
    method: str
    layer: int
    control: str | None = None


@dataclass(frozen=True)
class Row:
    """A cell over all images: mean, sample standard deviation, 95 % interval; None where there are too few values.

    `n` images have a value, `undefined` have none: scores that are all equal have no correlation.
    """

    cell: Cell
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    n: int
    undefined: int

    def to_record(self, question: Question, model: str) -> dict[str, Any]:
        """Return the JSON of the row; `control`, `steps` and `groups` are there only where they mean something."""
        cell = self.cell
        name, options = _named(cell, question)
        record: dict[str, Any] = {
            "metric": cell.metric,
            "reference": name,
            "method": cell.method,
            "layer": cell.layer,
            "mean": self.mean,
            "std": self.std,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "undefined": self.undefined,
            "target": question.target,
            **options,
            "model": model,
            "seed": question.seed,
            "version": __version__,
        }
        if cell.control is not None:
            record["control"] = cell.control
        if cell.metric.startswith(("deletion", "insertion")):
            record["steps"] = question.steps
        if cell.metric.startswith("saco"):
            record["groups"] = question.groups
        return record


def reference_name(reference: Method) -> str:
    """Return what a reference is called: its spec, without the options that have columns of their own."""
    given = {name: None for name in _OF_REFERENCE if name in options_of(reference)}
    defaults = type(reference)()
    plain = {name: getattr(defaults, name) for name in given}
    return canonical_spec(replace(reference, **plain))  # type: ignore[type-var]


def rows_of(values: Mapping[Cell, Sequence[float]], seed: int) -> list[Row]:
    """Return a row for every cell; `values` holds one number an image, NaN where it has none."""
    if not values:
        return []
    table = np.array(list(values.values()), np.float64).T
    low, high = bootstrap(table, seed)
    return [_row(cell, table[:, place], low[place], high[place]) for place, cell in enumerate(values)]


def differences(
    values: Mapping[Cell, Sequence[float]], controls: Mapping[Cell, Sequence[Cell]]
) -> dict[Cell, Sequence[float]]:
    """Return for every cell of `controls` its values less, image by image, those of the best of its controls."""
    found: dict[Cell, Sequence[float]] = {}
    for cell, candidates in controls.items():
        sign = -1.0 if cell.metric in LOWER_IS_BETTER else 1.0
        means = {control: sign * _mean(np.asarray(values[control])) for control in candidates}
        known = [control for control in candidates if not np.isnan(means[control])]
        if not known:
            continue
        best = max(known, key=means.__getitem__)
        difference = replace(cell, metric=f"{cell.metric}_difference", control=best.method)
        found[difference] = list(np.asarray(values[cell]) - np.asarray(values[best]))
    return found


def _mean(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _row(cell: Cell, values: Values, low: float, high: float) -> Row:
    known = values[~np.isnan(values)]
    several = len(known) > 1
    return Row(
        cell=cell,
        mean=_rounded(known.mean()) if known.size else None,
        std=_rounded(known.std(ddof=1)) if several else None,
        low=_rounded(low) if several else None,
        high=_rounded(high) if several else None,
        n=len(known),
        undefined=len(values) - len(known),
    )


def _rounded(value: float) -> float:
    # Six digits are far below what the images' number allows, and hide the last bits of the arithmetic.
    return round(float(value), 6) + 0.0


def _named(cell: Cell, question: Question) -> tuple[str | None, dict[str, Any]]:
    """Return the reference's name, and what was removed in which way, None where that means nothing."""
    options: dict[str, Any] = dict.fromkeys(_OF_REFERENCE)
    if cell.reference is not None:
        given = options_of(cell.reference)
        return reference_name(cell.reference), {name: given.get(name) for name in _OF_REFERENCE}
    if cell.metric.startswith(("deletion", "insertion", "saco")):
        options |= {"of": "probability", "fill": question.fill}
    return None, options
