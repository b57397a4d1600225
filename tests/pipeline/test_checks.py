"""What is wrong with a request is found before an image is read, without running the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

from tests.pipeline.test_targets import model
from vitexplain.errors import UsageError, VitexplainError
from vitexplain.images import Picture, prepare
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel
from vitexplain.pipeline import AS_THEY_ARE, BY_HEAD, BY_LAYER, Request, explain, explain_batch, explain_many

# small_vit: 2 layers, 2 heads, 3 x 3 patches of a view of 12 x 12, a class token
DOES_NOT_FIT = {
    "rollout:layers=2:9": "layers 2:9 do not exist: the model has layers 1 to 2",
    "raw:layers=3": "layers 3:3 do not exist",
    "flow:fusion=gradient,layers=1:3": "layers 1:3 do not exist",
    "raw:head=2": "head 2 does not exist: the model has heads 0 to 1",
    "flow:source=patch:3,0": "patch 3,0 lies outside the grid of 3 x 3 patches",
    "rollout:source=token:10": "token 10 does not exist: the model has tokens 0 to 9",
    "blank-out:window=4": "window 4 is too large: the grid has 3 x 3 patches",
}


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadedModel]:
    """A model that must not run."""
    loaded = model()

    def refuse(*_: object) -> None:
        raise AssertionError("the model ran")

    monkeypatch.setattr(loaded.network.module, "forward", refuse)
    yield loaded


@pytest.mark.parametrize("spec", DOES_NOT_FIT)
def test_what_the_model_does_not_have_is_said_without_running_it(spec: str, at_rest: LoadedModel) -> None:
    with pytest.raises(UsageError, match=DOES_NOT_FIT[spec]):
        Request(parse_methods(["random", spec])).for_model(at_rest)
    with pytest.raises(UsageError, match=DOES_NOT_FIT[spec]):
        explain_many(at_rest, ["no such file"], [spec])


@pytest.mark.parametrize("spec", DOES_NOT_FIT)
def test_it_says_what_the_first_image_would_have_said(spec: str) -> None:
    loaded, request = model(), Request(parse_methods(spec))
    with pytest.raises(UsageError) as early:
        request.for_model(loaded)
    picture = Picture(Image.new("RGB", (20, 20)), None, "0" * 64)
    pixels, view = prepare(picture, loaded.preprocess, None)
    with pytest.raises(UsageError) as late:
        explain_batch(loaded, [(picture, pixels, view)], request, [0.0])
    assert str(early.value) == str(late.value)


@pytest.mark.parametrize("spec", ["rollout:layers=1:2", "raw:head=1", "flow:source=patch:2,2", "blank-out:window=3"])
def test_what_fits_is_not_refused(spec: str, at_rest: LoadedModel) -> None:
    for variants in (AS_THEY_ARE, BY_LAYER, BY_HEAD):
        asked = Request(parse_methods(spec), variants=variants)
        assert asked.for_model(at_rest) == asked


def test_the_other_checks_need_no_run_either(at_rest: LoadedModel) -> None:
    relevance = parse_methods("relevance")
    with pytest.raises(UsageError, match=r"view whole: model .* takes 12 x 12 pixels only: use `view=crop` or squash"):
        Request(relevance, view="whole").for_model(at_rest)
    with pytest.raises(UsageError, match="the nearest label is koala"):
        Request(relevance, target="kola").for_model(at_rest)
    with pytest.raises(UsageError, match="needs gradients, which bfloat16 is too coarse for: use `dtype=float32`"):
        Request(relevance).for_model(replace(at_rest, dtype=torch.bfloat16))
    with pytest.raises(UsageError, match="`top_k=0` is not valid"):
        Request(relevance, top_k=0)


def test_the_grid_of_a_whole_picture_is_its_own(at_rest: LoadedModel) -> None:
    flexible = replace(at_rest, preprocess=replace(at_rest.preprocess, flexible=True))
    asked = Request(parse_methods(["flow:source=patch:30,0", "blank-out:window=4"]), view="whole")
    assert asked.for_model(flexible) == asked
    with pytest.raises(UsageError, match="layers 1:3 do not exist"):
        Request(parse_methods("rollout:layers=1:3"), view="whole").for_model(flexible)


def test_a_request_and_keywords_give_the_same() -> None:
    image = Image.new("RGB", (20, 20), "red")
    options: dict[str, Any] = {"target": "owl", "top_k": 2, "view": "squash"}
    by_keywords = explain(model(), image, ["relevance"], **options)
    by_request = explain(model(), image, Request(parse_methods("relevance"), **options))
    first, second = by_keywords.to_record(), by_request.to_record()
    assert {**first, "seconds": {}} == {**second, "seconds": {}}
    with pytest.raises(UsageError, match="`target=` is given beside a request"):
        explain(model(), image, Request(parse_methods("relevance")), target="owl")


def test_the_error_of_every_method_is_a_vitexplain_error(at_rest: LoadedModel) -> None:
    with pytest.raises(VitexplainError):
        explain(at_rest, "no such file", ["rollout:layers=9"])
