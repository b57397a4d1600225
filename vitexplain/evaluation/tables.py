"""The tables of an evaluation as its metrics make them of its rows, and all rows as CSV."""

from __future__ import annotations

import csv
import io

from vitexplain.evaluation.cells import BEST, DIFFERENCE
from vitexplain.evaluation.findings import Evaluation
from vitexplain.evaluation.metrics import metric_of
from vitexplain.evaluation.table import Group, Table


def tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables of every metric and reference."""
    question = evaluation.question
    images = len(evaluation.images)
    heading = f"{images} image{'s' * (images != 1)}, {question.about}"
    found: list[Table] = []
    for metric, reference in dict.fromkeys((row.cell.metric, row.cell.reference) for row in evaluation.rows):
        if metric.endswith((DIFFERENCE, BEST)):
            continue
        rows, differences = (
            tuple(row for row in evaluation.rows if (row.cell.metric, row.cell.reference) == (name, reference))
            for name in (metric, f"{metric}{DIFFERENCE}")
        )
        if not any(row.n for row in rows):
            continue  # every image of this metric failed
        group = Group(metric, reference, rows, differences, heading, question, evaluation.rows)
        found += metric_of(metric).tables(group)
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
