"""What is judged where nobody says what, and what a model cannot do (seconds)."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import torch

from tests.evaluation.small_images import pictures, tiny_loaded
from tests.models.small import tiny
from vitexplain.errors import ModelError
from vitexplain.evaluation import Question, evaluate, usual_methods
from vitexplain.methods import canonical_spec
from vitexplain.methods.attn_lrp import AttnLrp
from vitexplain.models import wrap_model
from vitexplain.pipeline.default import default_methods


def asked(**more: object) -> Question:
    return Question(usual_methods(), metrics=("sparseness",), usual=True, **more)  # type: ignore[arg-type]


def names(question: Question) -> list[str]:
    return [canonical_spec(method) for method in question.methods]


def test_the_default_as_the_model_gets_it_and_five_others(tmp_path: Path) -> None:
    model = tiny_loaded()
    evaluation = evaluate(model, pictures(tmp_path, 1), asked())
    (default,) = default_methods()
    fitted = canonical_spec(default.for_model(model, class_asked=False))  # type: ignore[attr-defined]
    assert names(evaluation.question) == list(
        dict.fromkeys([fitted, "attn-lrp", "relevance", "raw", "rollout", "flow"])
    )
    assert {row.cell.method for row in evaluation.rows} == {*names(evaluation.question), "random", "centre"}
    assert evaluation.question.notices == ()


def test_what_the_model_cannot_do_is_left_out_and_said() -> None:
    with patch.object(AttnLrp, "__call__", side_effect=ModelError("no rule for this")):
        question = asked().for_model(tiny_loaded())
    assert "attn-lrp" not in names(question) and "relevance" in names(question)
    assert question.notices == ("attn-lrp is not judged: no rule for this",)


def test_without_gradients_three_remain() -> None:
    question = asked().for_model(wrap_model(tiny().to(torch.bfloat16)))
    assert names(question) == ["rollout", "raw", "flow"]
    assert len(question.notices) == 2 and "bfloat16 is too coarse" in question.notices[0]


def test_a_model_without_classes_is_asked_about_a_picture(tmp_path: Path) -> None:
    images = pictures(tmp_path, 2)
    evaluation = evaluate(wrap_model(tiny(num_classes=0)), images[:1], asked(reference_image=images[1].path))
    assert {"relevance", "attn-lrp"} <= set(names(evaluation.question))
