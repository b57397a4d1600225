"""Tables of text: a group of rows by layer, or beside the best control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.controls import OTHER, is_control
from vitexplain.methods import Method

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.rows import Row

FEW_IMAGES = 20
"""Intervals from fewer images are too narrow: nothing is said to be better or worse."""

FEW = f"Means alone: comparing methods takes at least {FEW_IMAGES} images."
ALONE = "Not compared with a map of another image (`others=False`)."


@dataclass(frozen=True)
class Table:
    """A title, columns (right-aligned where their name ends in ">"), rows of text, and lines below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """The rows of one metric and reference, and their differences from the best control.

    `heading`: how many images, and the target. `every`: the rows of the whole evaluation.
    """

    metric: str
    reference: Method | None
    rows: tuple[Row, ...]
    differences: tuple[Row, ...]
    heading: str
    question: Question
    every: tuple[Row, ...] = ()

    def means_of(self, metric: str) -> dict[str, Row]:
        """Return the rows of another metric, with the same reference, by method."""
        return {
            row.cell.method: row
            for row in self.every
            if (row.cell.metric, row.cell.reference) == (metric, self.reference)
        }


def by_layer(title: str, group: Group, *notes: str) -> Table:
    """Return the means and deviations by layer, with the notes and what is undefined below."""
    rows = group.rows
    layers = sorted({row.cell.layer for row in rows})
    cells = {(row.cell.method, row.cell.layer): row for row in rows}
    lines = []
    for name in _best_first(rows, controls_last=True):
        found = [cells.get((name, layer)) for layer in layers]
        lines.append((name, *("" if row is None else _number(row.mean) for row in found)))
        if any(row is not None and row.std is not None for row in found):
            lines.append(("", *("" if row is None or row.std is None else f"±{row.std:.2f}" for row in found)))
    return Table(title, ("method", *(f"L{layer}>" for layer in layers)), tuple(lines), (*_left_out(rows), *notes))


def beside_controls(
    title: str,
    group: Group,
    more: Sequence[tuple[str, Mapping[str, Row]]] = (),
    *,
    lower_is_better: bool = False,
) -> Table:
    """Return what the last layer says, and the difference from the best control with a verdict; the best come first.

    `more`: the names of further columns, and the rows whose means stand there, by method. Few images have means alone.
    """
    rows = group.rows
    if max(row.n for row in rows) < FEW_IMAGES:
        return means_only(title, group, more, lower_is_better=lower_is_better)
    last = {row.cell.method: row for row in sorted(rows, key=lambda row: row.cell.layer)}
    beside = {row.cell.method: row for row in group.differences}
    lines = []
    for name in _best_first(rows, lower_is_better=lower_is_better):
        others = [_number(by_method[name].mean, 3) if name in by_method else "" for _, by_method in more]
        line = (name, _with_interval(last[name]), *others)
        difference = beside.get(name)
        if difference is None:
            lines.append((*line, "", "", ""))
        else:
            control = difference.cell.control or ""
            verdict = _verdict(difference, lower_is_better=lower_is_better)
            lines.append((*line, control, _with_interval(difference, signed=True), verdict))
    columns = ("method", "mean>", *(f"{name}>" for name, _ in more), "best control", "difference>", "")
    notes = [ALONE] * (not group.question.others)
    return Table(f"{title}, with 95% intervals", columns, tuple(lines), tuple(notes))


def means_only(
    title: str, group: Group, more: Sequence[tuple[str, Mapping[str, Row]]] = (), *, lower_is_better: bool = False
) -> Table:
    """Return the means, with intervals if there are enough images, for what makes a method neither better nor worse."""
    by_method = {row.cell.method: row for row in group.rows}
    few = max(row.n for row in group.rows) < FEW_IMAGES
    lines = []
    for name in _best_first(group.rows, lower_is_better=lower_is_better):
        others = [_number(rows[name].mean, 3) if name in rows else "" for _, rows in more]
        mean = by_method[name]
        lines.append((name, _number(mean.mean, 3) if few else _with_interval(mean), *others))
    columns = ("method", "mean>", *(f"{name}>" for name, _ in more))
    notes = [FEW] * few + [ALONE] * (not group.question.others)
    return Table(title if few else f"{title}, with 95% intervals", columns, tuple(lines), tuple(notes))


def _best_first(rows: Sequence[Row], *, lower_is_better: bool = False, controls_last: bool = False) -> list[str]:
    """Return the methods in the order of their last layers' means."""
    last = {row.cell.method: row.mean for row in sorted(rows, key=lambda row: row.cell.layer)}
    sign = 1.0 if lower_is_better else -1.0

    def place(name: str) -> tuple[bool, bool, float]:
        mean = last[name]
        return controls_last and is_control(name), mean is None, sign * (mean or 0.0)

    return sorted(dict.fromkeys(row.cell.method for row in rows), key=place)


def _verdict(row: Row, *, lower_is_better: bool) -> str:
    if row.n < FEW_IMAGES:
        return "too few images to tell"
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return "not distinguishable from zero"
    return "better" if (row.low > 0) != lower_is_better else "worse"


def _left_out(rows: Sequence[Row]) -> Iterator[str]:
    places: dict[tuple[str, int], list[Cell]] = {}
    for row in rows:
        if row.undefined:
            places.setdefault((row.cell.method, row.undefined), []).append(row.cell)
    for (method, count), cells in places.items():
        layers = ", ".join(f"L{cell.layer}" for cell in cells)
        why = (
            "no other image has the same grid, or all scores are equal"
            if method.endswith(OTHER)
            else "all scores are equal"
        )
        yield f"undefined, as {why}: {method} {layers}, {count} image{'s' * (count != 1)}"


def _number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    if value is None:
        return "undefined"
    shown = round(value, digits) + 0.0  # no -0.00
    return f"{shown:{'+' if signed else ''}.{digits}f}"


def _with_interval(row: Row, *, signed: bool = False) -> str:
    mean, low, high = (_number(end, 3, signed=signed) for end in (row.mean, row.low, row.high))
    return mean if row.low is None else f"{mean} [{low}, {high}]"
