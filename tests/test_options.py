"""Options as fields: each kind reads what it writes, and refuses all else in one line."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from vitexplain.errors import UsageError
from vitexplain.options import (
    FIELDS,
    LayerRange,
    choice,
    count,
    layer_range,
    number,
    options_in,
    read_option,
    text,
    write_option,
    yes_or_no,
)


def _even(given: str) -> str:
    if len(given) % 2:
        raise ValueError
    return given


@dataclass(frozen=True)
class Toy:
    """One option of each kind."""

    word: str = choice("a", "Which word.", words=("a", "b"))
    share: float = number(0.5, "Which share.", low=0, high=1)
    part: float = number(0.0, low=0, high=1, below=True)
    place: int | None = count(None, "Which place.", low=2, expected="a place from 2")
    sure: bool = yes_or_no(False)
    layers: LayerRange | None = layer_range(None, "Which layers.")
    rhyme: str = text("ab", expected="an even number of letters", read=_even)


@pytest.mark.parametrize(
    ("name", "given", "value", "written"),
    [
        ("word", "b", "b", "b"),
        ("share", "1", 1.0, "1"),
        ("share", "0.30", 0.3, "0.3"),
        ("part", "0.999", 0.999, "0.999"),
        ("place", "12", 12, "12"),
        ("sure", "true", True, "true"),
        ("sure", "false", False, "false"),
        ("layers", "2:7", (2, 7), "2:7"),
        ("layers", "3", (3, 3), "3:3"),
        ("rhyme", "abcd", "abcd", "abcd"),
    ],
)
def test_what_is_read_is_written(name: str, given: str, value: object, written: str) -> None:
    assert read_option(Toy, name, given) == value
    assert write_option(Toy(**{name: value}), name) == written  # type: ignore[arg-type]
    assert read_option(Toy, name, written) == value


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("word", "c", "one of a, b"),
        ("share", "1.01", "a number from 0 to 1"),
        ("share", "nan", "a number from 0 to 1"),
        ("share", "half", "a number from 0 to 1"),
        ("part", "1", "a number from 0 to below 1"),
        ("place", "1", "a place from 2"),
        ("place", "-3", "a place from 2"),
        ("place", "²", "a place from 2"),
        ("sure", "yes", "true or false"),
        ("layers", "0:2", "A:B with 1 <= A <= B, layers counted from 1 nearest the image"),
        ("layers", "4:2", "A:B with 1 <= A <= B, layers counted from 1 nearest the image"),
        ("rhyme", "abc", "an even number of letters"),
    ],
)
def test_all_else_is_refused_in_one_line(name: str, given: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"^{name} '{given}' is not valid: expected {expected}$"):
        read_option(Toy, name, given)


def test_a_dataclass_keeps_its_defaults_and_says_its_options() -> None:
    assert Toy() == Toy("a", 0.5, 0.0, None, False, None, "ab")
    options = options_in(Toy)
    assert list(options) == [field.name for field in fields(Toy)]
    assert [name for name, option in options.items() if option.help] == ["word", "share", "place", "layers"]
    assert (options["place"].number, options["place"].low) == (int, 2)
    assert (options["part"].number, options["part"].low, options["part"].high) == (float, 0, None)
    assert set(FIELDS) == {"choice", "count", "layer_range", "number", "text", "yes_or_no"}


def test_a_field_that_is_no_option_is_a_mistake() -> None:
    @dataclass(frozen=True)
    class Plain:
        size: int = 3

    with pytest.raises(TypeError, match=r"Plain.size is not an option: declare it with a function"):
        options_in(Plain)
