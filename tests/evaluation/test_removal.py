"""The order in which patches are removed, and how often the model is asked (seconds)."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.evaluation.literal_removal import pass_of_a_picture
from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.evaluation import evaluate
from vitexplain.evaluation.removal import Removals, ranked
from vitexplain.methods.fills import outputs_without


def test_ties_are_drawn_for_each_image() -> None:
    tied = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    orders = {tuple(ranked(tied, 0, str(image))) for image in range(20)}
    assert len(orders) > 10
    assert {order[0] for order in orders} == {7} and {order[-1] for order in orders} == {0}
    assert list(ranked(tied, 0, "0")) == [7, 6, 4, 1, 3, 2, 5, 0]


def test_each_variant_is_run_once_and_all_of_them_together(tmp_path: Path) -> None:
    """Two methods, the centre and a map of another image: two curves of 3 inner points each; random: one; two ends."""
    asked = question("raw", "relevance", metrics=("deletion", "insertion"), references=(), steps=4)
    images = pictures(tmp_path, 2)
    with patch("vitexplain.evaluation.removal.outputs_without", wraps=outputs_without) as run:
        evaluation = evaluate(tiny_loaded(), images, asked)
    variants = [call.args[2] for call in run.call_args_list]
    assert len(variants) == 2, "one call an image"
    for removed in variants:
        assert len(removed) <= 4 * 2 * 3 + 3 + 2
        assert len({tuple(row) for row in removed.tolist()}) == len(removed)
    random = [row for row in evaluation.rows if row.cell.method == "random"]
    assert {row.mean for row in random if row.cell.metric.endswith("insertion_minus_deletion")} == {0}
    deletion, insertion = (evaluation.curves[what]["random"] for what in ("deletion", "insertion"))
    np.testing.assert_array_equal(deletion, insertion[::-1])


def test_what_was_asked_before_is_not_asked_again(tmp_path: Path) -> None:
    removals = Removals(pass_of_a_picture(tmp_path), "mean")
    removed = np.random.default_rng(0).random((5, 16)) < 0.5
    first = removals.answers(removed)
    with patch("vitexplain.evaluation.removal.outputs_without", wraps=outputs_without) as run:
        np.testing.assert_array_equal(removals.answers(removed[[3, 1, 3]]), first[:, [3, 1, 3]])
        removals.answers(np.concatenate((removed, ~removed)))
    (call,) = run.call_args_list
    assert len(call.args[2]) == 5
