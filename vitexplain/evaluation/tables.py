"""Tables: the rows of an evaluation as a reader wants them, in text, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vitexplain.evaluation.controls import OTHER
from vitexplain.evaluation.judge import Evaluation
from vitexplain.evaluation.rows import LOWER_IS_BETTER, Cell, Row, reference_name
from vitexplain.methods import Method, options_of

AUTHORS = (
    "Otherwise than in the authors' script (Abnar & Zuidema 2020): they take for each token the maximum over all "
    "source tokens, here the source is the readout; they take the absolute sum of a gradient (reduce=sum), here its "
    "norm; their formula knows no ties, here tied scores share the mean of their ranks."
)
FEW_IMAGES = 20
FEW = f"Intervals from fewer than {FEW_IMAGES} images are too narrow."
ALONE = "Not compared with each method's map of another image (--no-others)."
REDRAWN = (
    "Column Lk: layers k to L and the classifier drawn anew. Scores that stay like the untouched model's, 1.00, say "
    "little about what these layers learned."
)


@dataclass(frozen=True)
class Table:
    """A title, columns (right-aligned where their name ends in ">"), rows of text, and lines below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(evaluation: Evaluation) -> list[Table]:
    """Return for each reference the table by layer, then what the last layer says beside the best control."""
    found = []
    groups = dict.fromkeys((row.cell.metric, row.cell.reference) for row in evaluation.rows)
    for metric, reference in groups:
        rows = [row for row in evaluation.rows if (row.cell.metric, row.cell.reference) == (metric, reference)]
        if metric.endswith("_difference"):
            continue
        title = _title(evaluation, metric, reference)
        if metric in ("spearman", "randomisation"):
            found.append(_by_layer(title, rows, _notes(metric, rows)))
        if metric != "randomisation":
            compared = [row for row in evaluation.rows if row.cell.metric == f"{metric}_difference"]
            compared = [row for row in compared if row.cell.reference == reference]
            alone = () if evaluation.question.others else (ALONE,)
            found.append(_beside_controls(title, metric, rows, compared, alone))
    return found


def as_csv(evaluation: Evaluation) -> str:
    """Return all rows as CSV; what a row does not have is empty."""
    records = evaluation.records()
    columns = list(dict.fromkeys(name for record in records for name in record))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def _title(evaluation: Evaluation, metric: str, reference: Method | None) -> str:
    question = evaluation.question
    images = f"{len(evaluation.images)} image{'s' * (len(evaluation.images) != 1)}, target {question.target}"
    if reference is not None:
        options = options_of(reference)
        how = [f"{name}={options[name]}" for name in ("of", "fill", "window") if name in options]
        named = f"{reference_name(reference)}{f' ({chr(44).join(how)})' if how else ''}"
        return f"Spearman's rank correlation with {named}: {images}"
    if metric == "randomisation":
        return f"Rank correlation with the untouched model's scores: {images}"
    if metric == "saco":
        return f"SaCo (-1 to 1, higher is better), fill={question.fill}, {question.groups} groups: {images}"
    better = "lower" if metric in LOWER_IS_BETTER else "higher"
    named = metric.replace("_", " ")
    return f"Area under the {named} curve ({better} is better), fill={question.fill}, {question.steps} steps: {images}"


def _by_layer(title: str, rows: Sequence[Row], notes: tuple[str, ...]) -> Table:
    layers = sorted({row.cell.layer for row in rows})
    cells = {(row.cell.method, row.cell.layer): row for row in rows}
    names = dict.fromkeys(row.cell.method for row in rows)
    lines = []
    for name in names:
        found = [cells.get((name, layer)) for layer in layers]
        lines.append((name, *("" if row is None else _number(row.mean) for row in found)))
        if any(row is not None and row.std is not None for row in found):
            lines.append(("", *("" if row is None or row.std is None else f"±{row.std:.2f}" for row in found)))
    return Table(title, ("method", *(f"L{layer}>" for layer in layers)), tuple(lines), notes)


def _beside_controls(
    title: str, metric: str, rows: Sequence[Row], compared: Sequence[Row], alone: Sequence[str]
) -> Table:
    last = {row.cell.method: row for row in sorted(rows, key=lambda row: row.cell.layer)}
    beside = {row.cell.method: row for row in compared}
    lines = []
    for name in dict.fromkeys(row.cell.method for row in rows):
        line = (name, _with_interval(last[name]))
        difference = beside.get(name)
        if difference is None:
            lines.append((*line, "", "", ""))
        else:
            control = difference.cell.control or ""
            lines.append((*line, control, _with_interval(difference, signed=True), _verdict(difference, metric)))
    columns = ("method", "mean>", "best control", "difference>", "")
    where = ", last layer" if metric == "spearman" else ""
    notes = (FEW,) if 0 < max(row.n for row in rows) < FEW_IMAGES else ()
    return Table(f"{title}{where}, with 95 % intervals", columns, tuple(lines), (*notes, *alone))


def _verdict(row: Row, metric: str) -> str:
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return "not distinguishable from zero"
    return "better" if (row.low > 0) != (metric in LOWER_IS_BETTER) else "worse"


def _notes(metric: str, rows: Sequence[Row]) -> tuple[str, ...]:
    left_out = list(_left_out(rows))
    return (*left_out, REDRAWN if metric == "randomisation" else AUTHORS)


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
