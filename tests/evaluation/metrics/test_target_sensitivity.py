"""Target sensitivity against the maps of both classes made one by one (seconds)."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import spearmanr

from tests.evaluation.small_images import pictures, question, tiny_loaded
from tests.models.small import tiny
from vitexplain.errors import UsageError
from vitexplain.evaluation import evaluate
from vitexplain.models import wrap_model
from vitexplain.pipeline import explain

METRIC = ("target_sensitivity",)


def test_the_two_most_probable_classes(tmp_path: Path) -> None:
    model, (image,) = tiny_loaded(), pictures(tmp_path, 1)
    evaluation = evaluate(model, [image], question("relevance", "rollout", metrics=METRIC, references=()))
    first, second = (
        each.scores.ravel() for each in explain(model, image.path, "relevance", target="top2").explanations
    )
    found = {row.cell.method: row.mean for row in evaluation.rows}
    assert found["relevance"] == pytest.approx(spearmanr(first, second).statistic, abs=1e-5)
    assert found["rollout"] == 1, "it explains no class"


def test_a_class_that_is_asked_for_is_compared_with_the_most_probable_other(tmp_path: Path) -> None:
    model, (image,) = tiny_loaded(), pictures(tmp_path, 1)
    predicted = explain(model, image.path, "relevance").to_record()["predictions"]
    top, last = predicted[0]["index"], predicted[-1]["index"]
    asked = question("relevance", metrics=METRIC, references=(), target=str(last))
    (row,) = evaluate(model, [image], asked).rows
    one, other = (
        explain(model, image.path, "relevance", target=str(index)).explanations[0].scores.ravel()
        for index in (last, top)
    )
    assert row.mean == pytest.approx(spearmanr(one, other).statistic, abs=1e-5)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    images, asked = pictures(tmp_path, 1), question("relevance", metrics=METRIC, references=(), target="0")
    with pytest.raises(UsageError, match="compares two classes, and the model has one"):
        evaluate(wrap_model(tiny(num_classes=1)), images, asked)
    with pytest.raises(UsageError, match="`reference_image=` explains none"):
        question("relevance", metrics=METRIC, references=(), reference_image="a.png")
