"""Rows: what the judge found, one number with its spread per row, and their JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vitexplain import __version__
from vitexplain.evaluation.cells import BEST, DIFFERENCE, REMOVAL_OPTIONS, Cell, reference_name
from vitexplain.evaluation.intervals import Values, bootstrap
from vitexplain.evaluation.metrics import metric_of
from vitexplain.evaluation.question import Question
from vitexplain.methods import options_of


@dataclass(frozen=True)
class Row:
    """A cell over all images: mean, sample standard deviation, 95% interval; None where there are too few values.

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
        """Return the JSON of the row; fields of some metrics only (and `control`) are left out of the others."""
        cell = self.cell
        given = {} if cell.reference is None else options_of(cell.reference)
        record: dict[str, Any] = {
            "metric": cell.metric,
            "reference": None if cell.reference is None else reference_name(cell.reference),
            "method": cell.method,
            "layer": cell.layer,
            "mean": self.mean,
            "std": self.std,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "undefined": self.undefined,
            "target": question.target if question.reference_image is None else None,
            **{name: given.get(name) for name in REMOVAL_OPTIONS},
            "model": model,
            "seed": question.seed,
            "version": __version__,
        }
        if cell.control is not None:
            record["control"] = cell.control
        record.update(metric_of(cell.metric).fields(question, cell.metric))
        return record


def rows_of(values: Mapping[Cell, Sequence[float]], seed: int) -> list[Row]:
    """Return a row for every cell; `values` holds one number per image, NaN where it has none."""
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
        sign = -1.0 if cell.metric in metric_of(cell.metric).lower_is_better else 1.0
        means = {control: sign * _mean(np.asarray(values[control])) for control in candidates}
        known = [control for control in candidates if not np.isnan(means[control])]
        if not known:
            continue
        best = max(known, key=means.__getitem__)
        difference = replace(cell, metric=f"{cell.metric}{DIFFERENCE}", control=best.method)
        found[difference] = list(np.asarray(values[cell]) - np.asarray(values[best]))
    return found


def from_best(values: Mapping[Cell, Sequence[float]], judged: Iterable[Cell]) -> dict[Cell, Sequence[float]]:
    """Return for the cells of methods their values less, image by image, those of the best in metric and reference."""
    groups: dict[tuple[str, object], list[Cell]] = {}
    for cell in judged:
        groups.setdefault((cell.metric, cell.reference), []).append(cell)
    found: dict[Cell, Sequence[float]] = {}
    for (metric, _), cells in groups.items():
        sign = -1.0 if metric in metric_of(metric).lower_is_better else 1.0
        means = {cell: sign * _mean(np.asarray(values[cell])) for cell in cells}
        known = [cell for cell in cells if not np.isnan(means[cell])]
        if known:
            best = max(known, key=means.__getitem__)
            for cell in cells:
                difference = replace(cell, metric=f"{metric}{BEST}", control=best.method)
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
