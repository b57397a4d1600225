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
from vitexplain.pipeline.default import DEFAULT, GRADIENT, Default, DefaultRollout


def specs_for(depth: int, flags: dict[str, str] | None = None, **asked: str) -> list[str]:
    request = Request(default_methods(flags), **asked)  # type: ignore[arg-type]
    return [canonical_spec(method) for method in request.for_model(model(depth=depth)).methods]


@pytest.mark.parametrize(
    ("flags", "spec"),
    [
        ({}, DEFAULT),
        ({"smooth": "0.25"}, "attn-lrp:smooth=0.25"),
        ({"layers": "7:12"}, "attn-lrp:layers=7:12,smooth=0.5"),
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
    assert isinstance(chosen_methods([], {"discard": "0.3"})[0], DefaultRollout)
    assert not isinstance(chosen_methods([], {"fusion": "gradient"})[0], DefaultRollout)


@pytest.mark.parametrize("depth", [12, 3, 1])
def test_all_layers(depth: int) -> None:
    assert specs_for(depth) == [f"attn-lrp:layers=1:{depth},smooth=0.5"]


@pytest.mark.parametrize(("depth", "upper"), [(12, ",layers=4:12"), (8, ",layers=3:8"), (3, ""), (1, "")])
def test_rollout_over_the_upper_three_quarters_of_the_layers(depth: int, upper: str) -> None:
    assert specs_for(depth, {"discard": "0.5"}) == [f"rollout:discard=0.5,fusion=gradient{upper}"]


def test_layers_and_fusions_of_the_flags_stay() -> None:
    assert specs_for(12, {"layers": "2:11"}) == ["attn-lrp:layers=2:11,smooth=0.5"]
    assert specs_for(12, {"layers": "7:12", "residual": "0.3"}) == [f"{GRADIENT},layers=7:12,residual=0.3"]
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
def test_it_gives_way_to_plain_rollout_with_its_layers_and_says_so(loaded: LoadedModel, reason: str) -> None:
    request = Request(default_methods({"layers": "7:12"})).for_model(loaded)
    assert request.methods == parse_methods("rollout:layers=7:12")
    assert request.notices == (f"plain rollout instead of the default: {reason}",)
    assert request.for_model(loaded) == request, "it is decided once"
    chosen = Request(parse_methods("rollout")).for_model(loaded)
    assert chosen.notices == ()


def test_a_class_that_was_asked_for_is_not_forgotten() -> None:
    half = replace(model(depth=12), dtype=torch.float16)
    with pytest.raises(UsageError, match=r"'rollout:fusion=gradient,layers=4:12' needs gradients, which float16"):
        Request(default_methods(), target="koala").for_model(half)


def test_gradient_rollout_where_a_function_has_no_rule() -> None:
    loaded = model(depth=12)
    for mlp in [part for name, part in loaded.network.module.named_modules() if name.endswith(".mlp")]:
        mlp.act = torch.nn.Mish()
    request = Request(default_methods({"smooth": "0.25"})).for_model(loaded)
    assert request.methods == parse_methods(f"{GRADIENT},layers=4:12,smooth=0.25")
    (notice,) = request.notices
    assert notice.startswith(f"{GRADIENT} instead of the default: attn-lrp has no rule for 'mish', which model")
