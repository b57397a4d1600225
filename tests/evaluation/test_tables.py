"""Tables and CSV of rows made by hand (no model; milliseconds)."""

from __future__ import annotations

import csv
import io

from tests.evaluation.small_images import question
from vitexplain.evaluation import Evaluation
from vitexplain.evaluation.candidates import compared
from vitexplain.evaluation.cells import Cell, reference_name
from vitexplain.evaluation.rows import differences, from_best, rows_of
from vitexplain.evaluation.table import Table
from vitexplain.evaluation.tables import as_csv, tables
from vitexplain.methods import parse_spec

REFERENCE = parse_spec("blank-out:window=3")
NAN, REPEATED = float("nan"), 6


def cell(method: str, layer: int, metric: str = "spearman") -> Cell:
    return Cell(metric, REFERENCE if metric == "spearman" else None, method, layer)


def evaluation(values: dict[Cell, list[float]]) -> Evaluation:
    """Return what the judge found of numbers for each of four images, which are repeated for more images."""
    values = {cell: numbers * REPEATED for cell, numbers in values.items()}
    controls = compared(values)
    paired = differences(values, controls) | from_best(values, controls)
    rows = tuple(rows_of({**values, **paired}, seed=0))
    images = {str(number): f"{number}.png" for number in range(4 * REPEATED)}
    return Evaluation(question("raw", references=("blank-out:window=3",)), "model", rows, images)


def spearman_tables() -> list[Table]:
    return tables(
        evaluation(
            {
                cell("raw", 1): [NAN, 0.1, 0.2, 0.3],
                cell("raw", 2): [0.8, 0.9, 0.8, 0.9],
                cell("random", 1): [0.1, 0.1, 0.1, 0.1],
                cell("random", 2): [0.1, 0.1, 0.1, 0.1],
                cell("centre", 1): [0.5, 0.1, 0.5, 0.1],
                cell("centre", 2): [0.5, 0.1, 0.5, 0.1],
            }
        )
    )


def test_means_and_deviations_by_layer() -> None:
    by_layer, _ = spearman_tables()
    assert by_layer.columns == ("method", "L1>", "L2>")
    assert by_layer.rows[:2] == (("raw", "0.20", "0.85"), ("", "±0.08", "±0.05"))
    assert "blank-out (of=logit,fill=mean,window=3): 24 images, target top1" in by_layer.title
    assert by_layer.notes[0] == "undefined, as all scores are equal: raw L1, 6 images"


def test_the_last_layer_beside_the_best_control() -> None:
    _, last = spearman_tables()
    name, _, control, difference, verdict = last.rows[0]
    assert (name, control, verdict) == ("raw", "centre", "better")
    assert difference.startswith("+0.550 [+0.4")
    assert [row[0] for row in last.rows] == ["raw", "centre", "random"]
    assert last.rows[2][2:] == ("", "", "") and last.notes == ()


def test_too_few_images_have_no_verdict() -> None:
    few = {cell("raw", 1): [0.8] * 3, cell("random", 1): [0.1] * 3}
    rows = tuple(rows_of({**few, **differences(few, compared(few))}, seed=0))
    found = Evaluation(question("raw", references=("blank-out:window=3",)), "model", rows, {"0": "0.png"})
    last = tables(found)[1]
    assert last.columns == ("method", "mean>")
    assert last.rows == (("raw", "0.800"), ("random", "0.100"))
    assert last.notes == ("Means alone: comparing methods takes at least 20 images.",)


def test_lower_is_better_for_deletion() -> None:
    (table,) = tables(
        evaluation(
            {
                cell("raw", 2, "deletion"): [0.2, 0.3, 0.2, 0.3],
                cell("random", 2, "deletion"): [0.5, 0.5, 0.5, 0.5],
                cell("centre", 2, "deletion"): [0.4, 0.4, 0.4, 0.4],
            }
        )
    )
    assert table.rows[0][2] == "centre"
    assert table.rows[0][3].startswith("-0.150")
    assert table.rows[0][4] == "better"


def test_a_difference_of_nothing_is_not_distinguishable() -> None:
    values = {cell("raw", 1): [0.1, -0.1, 0.1, -0.1], cell("random", 1): [0.0, 0.0, 0.0, 0.0]}
    assert tables(evaluation(values))[1].rows[0][4] == "not distinguishable from zero"


def test_a_method_that_ends_early_is_compared_with_controls_at_the_last_layer() -> None:
    values = {cell("rollout:layers=1:6", 6, "saco"): [0.1] * 4, cell("random", 12, "saco"): [0.0] * 4}
    (control,) = compared(values)[cell("rollout:layers=1:6", 6, "saco")]
    assert control == cell("random", 12, "saco")


def test_csv_has_all_columns() -> None:
    values = {cell("raw", 1): [0.1, 0.2, 0.1, 0.2], cell("random", 1): [0.0, 0.0, 0.0, 0.0]}
    rows = list(csv.DictReader(io.StringIO(as_csv(evaluation(values)))))
    assert [row["metric"] for row in rows] == ["spearman", "spearman", "spearman_difference", "spearman_from_best"]
    assert [row["control"] for row in rows] == ["", "", "random", "raw"]
    assert rows[0]["window"] == "3" and rows[0]["reference"] == "blank-out"


def test_references_are_named_without_the_options_that_have_columns() -> None:
    assert reference_name(parse_spec("blank-out:fill=blur,of=probability,window=2")) == "blank-out"
    assert reference_name(parse_spec("input-gradient:reduce=sum")) == "input-gradient:reduce=sum"
