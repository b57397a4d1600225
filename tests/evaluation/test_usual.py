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
from vitexplain.pipeline.default import default_methods, with_default_for


def asked(**more: object) -> Question:
    return Question(usual_methods(), metrics=("sparseness",), usual=True, **more)  # type: ignore[arg-type]


def names(question: Question) -> list[str]:
    return [canonical_spec(method) for method in question.methods]


def test_the_default_as_the_model_gets_it_and_five_others(tmp_path: Path) -> None:
    model = tiny_loaded()
    evaluation = evaluate(model, pictures(tmp_path, 1), asked())
    ((default,), _) = with_default_for(model, default_methods(), class_asked=False)
    assert names(evaluation.question) == [canonical_spec(default), "attn-lrp", "relevance", "raw", "rollout", "flow"]
    assert {row.cell.method for row in evaluation.rows} == {*names(evaluation.question), "random", "centre"}
    assert evaluation.question.notices == ()


def test_what_the_model_cannot_do_is_left_out_and_said() -> None:
    with patch.object(AttnLrp, "__call__", side_effect=ModelError("no rule for this")):
        question = asked().for_model(tiny_loaded())
    assert not any("attn-lrp" in name for name in names(question)) and "relevance" in names(question)
    of_the_default, of_itself = question.notices
    assert of_itself == "attn-lrp is not judged: no rule for this"
    assert of_the_default.startswith("attn-lrp:layers=1:2") and of_the_default.endswith(
        "is not judged: no rule for this"
    )


def test_without_gradients_three_remain() -> None:
    question = asked().for_model(wrap_model(tiny().to(torch.bfloat16)))
    assert names(question) == ["rollout", "raw", "flow"]
    gave_way, *others = question.notices
    assert gave_way.startswith("plain rollout instead of the default")
    assert len(others) == 2 and all("bfloat16 is too coarse" in notice for notice in others)


def test_a_model_without_classes_is_asked_about_a_picture(tmp_path: Path) -> None:
    images = pictures(tmp_path, 2)
    evaluation = evaluate(wrap_model(tiny(num_classes=0)), images[:1], asked(reference_image=images[1].path))
    assert {"relevance", "attn-lrp"} <= set(names(evaluation.question))
