"""The default method, before and after there is a model (instant)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.pipeline.test_targets import model
from vitexplain.errors import UsageError
from vitexplain.methods import canonical_spec, parse_methods
from vitexplain.models import LoadedModel
from vitexplain.pipeline import Request, chosen_methods, default_methods
from vitexplain.pipeline.default import DEFAULT, Default


def specs_for(depth: int, flags: dict[str, str] | None = None, **asked: str) -> list[str]:
    request = Request(default_methods(flags), **asked)  # type: ignore[arg-type]
    return [canonical_spec(method) for method in request.for_model(model(depth=depth)).methods]


@pytest.mark.parametrize(
    ("flags", "spec"),
    [
        ({}, DEFAULT),
        ({"layers": "7:12", "residual": "0.3"}, "rollout:fusion=gradient,layers=7:12,residual=0.3"),
        ({"fusion": "mean"}, "rollout"),
        ({"fusion": "max", "layers": "2:4"}, "rollout:fusion=max,layers=2:4"),
        ({"head": "3"}, "rollout:head=3"),
    ],
)
def test_a_fusion_or_a_head_takes_precedence_over_the_defaults(flags: dict[str, str], spec: str) -> None:
    assert [canonical_spec(method) for method in default_methods(flags)] == [spec]


def test_an_option_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="`window=` has no effect"):
        default_methods({"window": "3"})


def test_what_was_chosen_is_no_default() -> None:
    assert chosen_methods([DEFAULT], {}) == parse_methods(DEFAULT)
    assert not any(isinstance(method, Default) for method in chosen_methods([DEFAULT, "raw"], {}))
    (open_one,) = chosen_methods([], {})
    assert isinstance(open_one, Default)
    assert not isinstance(chosen_methods([], {"fusion": "gradient"})[0], Default)


@pytest.mark.parametrize(
    ("depth", "spec"), [(12, f"{DEFAULT},layers=4:12"), (8, f"{DEFAULT},layers=3:8"), (3, DEFAULT), (1, DEFAULT)]
)
def test_the_upper_three_quarters_of_the_layers(depth: int, spec: str) -> None:
    assert specs_for(depth) == [spec]


def test_layers_and_fusions_of_the_flags_stay() -> None:
    assert specs_for(12, {"layers": "1:12"}) == [f"{DEFAULT},layers=1:12"]
    assert specs_for(12, {"layers": "7:12", "residual": "0.3"}) == [f"{DEFAULT},layers=7:12,residual=0.3"]
    for flags in ({"fusion": "mean"}, {"fusion": "gradient"}, {"head": "0"}):
        methods = default_methods(flags)
        assert Request(methods).for_model(model(depth=12)).methods == methods


@pytest.mark.parametrize(
    ("loaded", "reason"),
    [
        (model(num_classes=0, depth=12), "the model has no classifier"),
        (replace(model(depth=12), dtype=torch.bfloat16), "half precision is too coarse for gradients"),
    ],
)
def test_it_gives_way_to_plain_rollout_with_its_other_options_and_says_so(loaded: LoadedModel, reason: str) -> None:
    request = Request(default_methods({"layers": "7:12", "discard": "0.5"})).for_model(loaded)
    assert request.methods == parse_methods("rollout:discard=0.5,layers=7:12")
    assert request.notices == (f"plain rollout instead of {DEFAULT}: {reason}",)
    assert request.for_model(loaded) == request, "it is decided once"
    chosen = Request(parse_methods("rollout")).for_model(loaded)
    assert chosen.notices == ()


def test_a_class_that_was_asked_for_is_not_forgotten() -> None:
    half = replace(model(depth=12), dtype=torch.float16)
    with pytest.raises(UsageError, match=r"'rollout:fusion=gradient,layers=4:12' needs gradients, which float16"):
        Request(default_methods(), target="koala").for_model(half)
