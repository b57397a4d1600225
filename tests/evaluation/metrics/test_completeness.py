"""Completeness against sums and logits made one by one (seconds)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.errors import UsageError
from vitexplain.evaluation import evaluate
from vitexplain.pipeline import explain


def test_the_error_of_few_and_of_many_steps(tmp_path: Path) -> None:
    model, images = tiny_loaded(), pictures(tmp_path, 2)
    specs = ("integrated-gradients:steps=1", "integrated-gradients:fill=black,steps=64")
    evaluation = evaluate(model, images, question(*specs, "raw", metrics=("completeness",), references=()))
    found = {row.cell.method: row.mean for row in evaluation.rows}
    assert set(found) == {"integrated-gradients:steps=1", "integrated-gradients:fill=black,steps=64"}
    for spec in specs:
        errors = []
        for image in images:
            statistics = explain(model, image.path, spec).explanations[0].statistics
            change, total = statistics["logit_change"], statistics["sum"]
            assert change is not None and total is not None
            errors.append(abs(total - change) / abs(change))
        assert found[spec] == pytest.approx(sum(errors) / 2, abs=1e-3)
    assert (found[specs[1]] or 0) < 0.05 < (found[specs[0]] or 0)


def test_methods_that_claim_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="none of the methods says what its scores add up to"):
        question("raw", "attn-lrp", metrics=("completeness",), references=())
