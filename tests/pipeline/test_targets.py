"""Targets from the request to the record, the files and the colours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.literal_vit import small_vit
from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, wrap_model
from vitexplain.output import WriteOptions, schema, write_result
from vitexplain.pipeline import Request, explain, explain_many
from vitexplain.render import Drawing
from vitexplain.result import Failure, Result, Target

NAMES = ["koala", "German shepherd", "owl", "cat", "pig"]
PREPROCESS = Preprocess((12, 12), 1.0, "center", "bicubic", (0.5,) * 3, (0.5,) * 3, (4, 4), False)


def model(**options: Any) -> LoadedModel:
    names = NAMES[: options.get("num_classes", 5)] or None
    return wrap_model(small_vit(**options).float(), labels=names, preprocess=PREPROCESS)


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8))


def explained(methods: list[str], **options: Any) -> Result:
    return explain(model(), picture(), methods, **options)


def test_methods_that_explain_no_class_have_no_target() -> None:
    targets = [one.target for one in explained(["rollout", "relevance", "random"]).explanations]
    assert targets[0] is None and targets[2] is None
    assert targets[1] is not None


def test_several_targets_one_explanation_each_in_order() -> None:
    result = explained(["relevance", "rollout", "legrad"], target="top3")
    order = [(one.method, one.target.index if isinstance(one.target, Target) else None) for one in result.explanations]
    top = [prediction.index for prediction in result.predictions[:3]]
    assert order == [("relevance", k) for k in top] + [("rollout", None)] + [("legrad", k) for k in top]
    jsonschema.validate(result.to_record(), schema())


def test_each_of_several_targets_is_what_it_is_alone() -> None:
    together = explained(["relevance", "blank-out", "attn-lrp"], target="all").explanations
    assert len(together) == 15
    for one in together:
        assert isinstance(one.target, Target)
        (alone,) = explained([one.spec], target=str(one.target.index)).explanations
        np.testing.assert_allclose(one.scores, alone.scores, rtol=1e-5, atol=1e-7)


def test_against_stands_in_the_record() -> None:
    record = explained(["relevance"], target="koala", against="german shepherd").to_record()
    target = record["explanations"][0]["target"]
    assert target == {
        "index": 0,
        "label": "koala",
        "id": None,
        "against": {"index": 1, "label": "German shepherd", "id": None},
    }
    jsonschema.validate(record, schema())


def test_an_image_in_a_batch_has_its_own_top_class() -> None:
    pictures = [Image.new("RGB", (12, 12), colour) for colour in ("black", "white", "red", "green", "blue", "yellow")]
    tops = set()
    for result in explain_many(model(), pictures, ["relevance"]):
        assert isinstance(result, Result)
        target = result.explanations[0].target
        assert isinstance(target, Target)
        assert target.index == result.predictions[0].index
        tops.add(target.index)
    assert len(tops) > 1


def test_explain_many_takes_what_explain_takes() -> None:
    options: dict[str, Any] = {"view": "squash", "top_k": 2, "max_pixels": 500, "target": "owl", "against": "cat"}
    wide = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 30, 3), dtype=np.uint8))
    small, large = explain_many(model(), [wide, Image.new("RGB", (30, 30))], ["relevance"], **options)
    alone = explain(model(), wide, ["relevance"], **options)
    assert isinstance(small, Result) and isinstance(large, Failure)
    assert "900 pixels" in str(large.error)
    assert small.view == alone.view and small.view.kind == "squash"
    assert len(small.predictions) == 2
    assert (
        small.explanations[0].target == alone.explanations[0].target == Target(2, "owl", None, Target(3, "cat", None))
    )
    np.testing.assert_array_equal(small.explanations[0].scores, alone.explanations[0].scores)


def test_files_of_several_targets_have_names_of_their_own(tmp_path: Path) -> None:
    def names(result: Result) -> list[str]:
        return [path.name for path in write_result(result, WriteOptions(tmp_path), "a").paths]

    assert names(explained(["relevance"])) == ["a.png", "a.json"]
    assert names(explained(["relevance"], target="owl")) == ["a.owl.png", "a.json"]
    against = names(explained(["relevance"], against="owl"))[0]
    assert against.startswith("a.") and against.endswith("-against-owl.png")
    several = explained(["relevance", "rollout"], target="top2")
    first, second, other, record = names(several)
    assert first != second and all(name.startswith("a.relevance-") for name in (first, second))
    assert other == "a.rollout.png" and record == "a.json"
    files = [each["files"]["overlay"] for each in json.loads((tmp_path / "a.json").read_text())["explanations"]]
    assert files == [first, second, other]


def test_signed_scores_are_drawn_around_0() -> None:
    signed, unsigned = explained(["attn-lrp", "relevance"]).explanations
    largest = float(np.abs(signed.scores).max())
    assert signed.display == pytest.approx((-largest, largest))
    assert unsigned.display == pytest.approx((unsigned.scores.min(), unsigned.scores.max()))
    assert Drawing().of(signed) == Drawing(signed=True, scale=signed.display)
    assert Drawing(scale=(-1, 1)).of(signed) == Drawing(signed=True, scale=(-1, 1))
    assert Drawing().of(unsigned) == Drawing(scale=unsigned.display)


def test_a_target_that_no_method_explains() -> None:
    with pytest.raises(UsageError, match=r"`target=` has no effect: none of the chosen methods \(rollout\)"):
        Request(parse_methods(["rollout"]), target="koala")
    with pytest.raises(UsageError, match="`against=` has no effect"):
        Request(parse_methods(["rollout"]), against="koala")


@pytest.mark.parametrize("spec", ["relevance", "blank-out", "rollout:fusion=gradient"])
def test_what_cannot_be_explained_is_said_before_an_image_is_read(spec: str) -> None:
    with pytest.raises(ModelError, match=r"no classifier.*`weights=`.*`num_classes=`"):
        explain(model(num_classes=0), "no such file", [spec])
    with pytest.raises(UsageError, match="the nearest label is koala"):
        explain(model(), "no such file", [spec], target="kola")
    half = wrap_model(small_vit(), preprocess=PREPROCESS, dtype="float16")
    request = Request(parse_methods([spec]))
    if spec != "blank-out":
        with pytest.raises(UsageError, match="needs gradients, which float16 is too coarse for: use `dtype=float32`"):
            request.for_model(half)


def test_a_request_of_slow_methods_with_a_target_is_checked_without_running_them() -> None:
    Request(parse_methods(["blank-out"]), target="koala").for_model(model())
