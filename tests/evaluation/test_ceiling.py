"""The ceiling on answers that are known, and from end to end (a second)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.errors import UsageError
from vitexplain.evaluation import evaluate
from vitexplain.evaluation.ceiling import greedy_order
from vitexplain.evaluation.conclusion import conclusions
from vitexplain.evaluation.metrics.deletion_insertion import area, ceiling_curves, removal_curves
from vitexplain.evaluation.removal import Removals
from vitexplain.evaluation.tables import tables


class Additive(Removals):
    """Answers that are sums of a weight for each patch that is there."""

    def __init__(self, weights: npt.NDArray[np.float64]) -> None:
        self.weights, self.asked = weights, 0

    def answers(self, removed: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        self.asked += len(removed)
        return np.tile(~removed @ self.weights, (2, 1))


WEIGHTS = np.array([8.0, 7, 6, 5, 4, 3, 2, 1])


def test_two_orders_that_are_right_in_halves_make_the_right_one() -> None:
    first = np.array([0, 1, 2, 3, 7, 6, 5, 4])
    last = np.array([3, 2, 1, 0, 4, 5, 6, 7])
    found = greedy_order(Additive(WEIGHTS), [last, first], 4)
    assert sorted(found[:2]) == [0, 1] and sorted(found[2:4]) == [2, 3] and sorted(found[4:6]) == [4, 5]
    assert sorted(found) == list(range(8))


def test_each_step_takes_the_proposal_that_gains_most() -> None:
    """A literal version: all proposals of a step are compared by the answer with them alone less that without them."""
    random = np.random.default_rng(2)
    weights, orders = random.normal(size=9), [random.permutation(9) for _ in range(3)]
    taken: list[int] = []
    for count in (2, 4, 7):  # a quarter of 9 patches, a half, three quarters, each rounded to the nearest even
        proposals = [[int(p) for p in order if p not in taken][: count - len(taken)] for order in orders]
        gains = [
            sum(weights[p] for p in range(9) if p in (*taken, *each))
            - sum(weights[p] for p in range(9) if p not in (*taken, *each))
            for each in proposals
        ]
        taken += proposals[int(np.argmax(gains))]
    assert list(greedy_order(Additive(weights), orders, 4)[:7]) == taken


def test_it_is_never_below_any_of_the_orders() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        removals, orders = Additive(random.normal(size=8)), [random.permutation(8) for _ in range(3)]
        best = ceiling_curves(removals, orders, 4)
        each = [removal_curves(removals, order, order, 4) for order in orders]
        gains = [area(curves[0, 1]) - area(curves[0, 0]) for curves in (best, *each)]
        assert gains[0] == max(gains)


def test_in_the_tables_and_kept(tmp_path: Path) -> None:
    asked = question(
        "raw", "relevance", metrics=("deletion", "insertion"), references=(), steps=4, others=False, ceiling=True
    )
    model, images = tiny_loaded(), pictures(tmp_path / "in", 2)
    evaluation = evaluate(model, images, asked, folder=tmp_path / "out")
    logit = [row for row in evaluation.rows if row.cell.metric == "logit_insertion_minus_deletion"]
    assert max(logit, key=lambda row: row.mean or 0).cell.method == "ceiling"
    means = {row.cell.method: row.mean or 0 for row in evaluation.rows if row.cell.metric == "insertion_minus_deletion"}
    assert means["ceiling"] == max(means.values())
    assert "relevance_difference" not in means and set(evaluation.curves["deletion"]) >= {"ceiling"}
    table = tables(evaluation)[0]
    assert table.rows[0][0] == "ceiling"
    assert f"relevance {means['relevance'] / means['ceiling']:.0%}" in table.notes[-1]
    assert not any("ceiling" in sentence for sentence in conclusions(evaluation))
    assert evaluate(model, images, asked, folder=tmp_path / "out").rows == evaluation.rows


def test_it_needs_both_metrics() -> None:
    with pytest.raises(UsageError, match="ask for both metrics"):
        question("raw", metrics=("deletion",), references=(), ceiling=True)
