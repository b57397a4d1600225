"""Tables of text: a group of rows by layer, or beside the best control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.controls import OTHER
from vitexplain.methods import Method

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.rows import Row

FEW_IMAGES = 20
FEW = f"Intervals from fewer than {FEW_IMAGES} images are too narrow."
ALONE = "Not compared with each method's map of another image (`others=False`)."


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

    `heading`: how many images, and the target.
    """

    metric: str
    reference: Method | None
    rows: tuple[Row, ...]
    differences: tuple[Row, ...]
    heading: str
    question: Question


def by_layer(title: str, group: Group, *notes: str) -> Table:
    """Return the means and deviations by layer, with the notes and what is undefined below."""
    rows = group.rows
    layers = sorted({row.cell.layer for row in rows})
    cells = {(row.cell.method, row.cell.layer): row for row in rows}
    names = dict.fromkeys(row.cell.method for row in rows)
    lines = []
    for name in names:
        found = [cells.get((name, layer)) for layer in layers]
        lines.append((name, *("" if row is None else _number(row.mean) for row in found)))
        if any(row is not None and row.std is not None for row in found):
            lines.append(("", *("" if row is None or row.std is None else f"±{row.std:.2f}" for row in found)))
    return Table(title, ("method", *(f"L{layer}>" for layer in layers)), tuple(lines), (*_left_out(rows), *notes))


def beside_controls(title: str, group: Group, *, lower_is_better: bool = False) -> Table:
    """Return what the last layer says, and the difference from the best control with a verdict."""
    rows = group.rows
    last = {row.cell.method: row for row in sorted(rows, key=lambda row: row.cell.layer)}
    beside = {row.cell.method: row for row in group.differences}
    lines = []
    for name in dict.fromkeys(row.cell.method for row in rows):
        line = (name, _with_interval(last[name]))
        difference = beside.get(name)
        if difference is None:
            lines.append((*line, "", "", ""))
        else:
            control = difference.cell.control or ""
            verdict = _verdict(difference, lower_is_better=lower_is_better)
            lines.append((*line, control, _with_interval(difference, signed=True), verdict))
    columns = ("method", "mean>", "best control", "difference>", "")
    notes = [FEW] * (0 < max(row.n for row in rows) < FEW_IMAGES) + [ALONE] * (not group.question.others)
    return Table(f"{title}, with 95 % intervals", columns, tuple(lines), tuple(notes))


def _verdict(row: Row, *, lower_is_better: bool) -> str:
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
