"""The method for whoever chose none (instant)."""

from __future__ import annotations

import pytest

from vitexplain.errors import UsageError
from vitexplain.methods import (
    DEFAULT,
    canonical_spec,
    default_methods,
    is_open,
    over_upper_layers,
    parse_methods,
    without_gradients,
)


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
def test_a_fusion_or_a_head_goes_before_the_defaults(flags: dict[str, str], spec: str) -> None:
    assert [canonical_spec(method) for method in default_methods(flags)] == [spec]


def test_an_option_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="--window has no effect"):
        default_methods({"window": "3"})


def test_without_gradients_keeps_the_other_options() -> None:
    found = without_gradients(default_methods({"layers": "7:12", "discard": "0.5"}))
    assert found == parse_methods("rollout:discard=0.5,layers=7:12")


@pytest.mark.parametrize(
    ("layers", "spec"), [(12, f"{DEFAULT},layers=4:12"), (24, f"{DEFAULT},layers=7:24"), (3, DEFAULT), (0, DEFAULT)]
)
def test_the_upper_three_quarters_of_the_layers(layers: int, spec: str) -> None:
    assert [canonical_spec(method) for method in over_upper_layers(default_methods(), layers)] == [spec]


def test_layers_and_fusions_of_the_flags_stay() -> None:
    for flags in ({"layers": "1:12"}, {"layers": "7:12", "residual": "0.3"}):
        assert is_open(flags)
        assert over_upper_layers(default_methods(flags), 12) == default_methods(flags)
    for flags in ({"fusion": "mean"}, {"fusion": "gradient"}, {"head": "0"}):
        assert not is_open(flags)
