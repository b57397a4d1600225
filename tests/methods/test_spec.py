"""Specs: read, checked, defaults from flags, and the canonical form that identifies an explanation."""

from __future__ import annotations

import pytest

from vitexplain.errors import UsageError
from vitexplain.methods import METHODS, canonical_spec, options_of, parse_methods, parse_spec
from vitexplain.methods.raw import Raw
from vitexplain.methods.rollout import Rollout
from vitexplain.options import options_in


def test_commas_inside_values_do_not_separate() -> None:
    method = parse_spec("rollout:source=patch:3,4,residual=0.3")
    assert method == Rollout(source="patch:3,4", residual=0.3)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("rollout", "rollout"),
        ("rollout:residual=0.5,fusion=mean", "rollout"),
        ("rollout:residual=0.30,layers=7", "rollout:layers=7:7,residual=0.3"),
        ("flow:source=patch:3,4,discard=0.9", "flow:discard=0.9,source=patch:3,4"),
        ("raw:head=2", "raw:head=2"),
        ("random:seed=7", "random:seed=7"),
    ],
)
def test_canonical_spec(text: str, canonical: str) -> None:
    assert canonical_spec(parse_spec(text)) == canonical
    assert canonical_spec(parse_spec(canonical)) == canonical


def test_flags_are_defaults_for_every_method_that_has_the_option() -> None:
    methods = parse_methods(["rollout:residual=0.3", "raw", "rollout"], {"residual": "0.7", "layers": "2:3"})
    assert methods == (
        Rollout(residual=0.3, layers=(2, 3)),
        Raw(layers=(2, 3)),
        Rollout(residual=0.7, layers=(2, 3)),
    )


def test_a_flag_that_no_chosen_method_has_is_refused() -> None:
    with pytest.raises(UsageError, match="`residual=` has no effect: none of the chosen methods"):
        parse_methods(["raw"], {"residual": "0.7"})


@pytest.mark.parametrize(
    ("specs", "defaults", "own"),
    [
        (["rollout:residual=0.3"], {"residual": "0.7"}, "rollout:residual=0.3"),
        (["rollout:residual=0.5", "raw"], {"residual": "0.7"}, "rollout:residual=0.5"),
        (["rollout:layers=7:12", "flow:layers=3"], {"layers": "1:2"}, "rollout:layers=7:12 and flow:layers=3:3"),
    ],
)
def test_a_flag_that_every_spec_contradicts_is_refused(specs: list[str], defaults: dict[str, str], own: str) -> None:
    (name,) = defaults
    with pytest.raises(UsageError, match=rf"`{name}=.*` has no effect beside `methods={own}`: leave one"):
        parse_methods(specs, defaults)


def test_a_flag_that_a_spec_repeats_or_that_one_method_takes_is_not_refused() -> None:
    assert parse_methods(["rollout:residual=0.30"], {"residual": "0.3"}) == (Rollout(residual=0.3),)
    assert len(parse_methods(["rollout:residual=0.3", "rollout"], {"residual": "0.7"})) == 2


def test_the_same_explanation_twice_is_made_once() -> None:
    assert len(parse_methods(["rollout", "rollout:residual=0.5", "raw"])) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rolout", "did you mean rollout"),
        ("rollout:resdual=1", "has no option 'resdual'"),
        ("rollout:residual", "expected key=value"),
        ("rollout:", "expected key=value"),
        ("rollout:residual=2", "expected a number from 0 to 1"),
        ("rollout:residual=nan", "expected a number from 0 to 1"),
        ("rollout:discard=1", "below 1"),
        ("rollout:fusion=median", "one of mean, max, min"),
        ("rollout:head=-1", "counted from 0"),
        ("rollout:layers=0:3", "1 <= A <= B"),
        ("rollout:layers=5:3", "1 <= A <= B"),
        ("rollout:layers=a:b", "1 <= A <= B"),
        ("rollout:head=1,fusion=max", "cannot be combined"),
        ("rollout:head=1,fusion=mean", "cannot be combined"),
        ("rollout:source=nowhere", "give readout, cls"),
        ("random:residual=0.5", "has no option"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_methods([text])
    assert "\n" not in str(caught.value)


def test_every_option_of_every_method_can_be_read_and_has_a_default() -> None:
    for name, method in METHODS.items():
        assert list(options_in(method)) == list(options_of(method()))
        assert canonical_spec(method()) == name
