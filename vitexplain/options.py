"""Options of methods: each is a field of the method's dataclass, which says how it is read, written and explained.

    fill: FillName = choice("mean", "What replaces a removed patch.", words=FILLS)

The text is the help of its flag; an option without one has no flag and is given in specs only. The command line reads
these fields from the methods' files without loading them (`cli/declared.py`), so defaults, help texts and limits are
plain literals there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from vitexplain.errors import UsageError

LayerRange = tuple[int, int]
Check = Callable[[Any, Any], None]

_METADATA = "option"


@dataclass(frozen=True)
class Option:
    """What a field says of its option; `read` raises ValueError for a text that is not as `expected`.

    `number`: the type of one, with its limits `low` and `high` where they are included. `metavar` stands for the value
    in the help. `check` raises UsageError for a value that a model of given dimensions does not have. `bare`: in a spec
    the value stands without its name behind all other options.
    """

    expected: str
    read: Callable[[str], object]
    write: Callable[[Any], str] = str
    help: str | None = None
    metavar: str | None = None
    number: type[int] | type[float] | None = None
    low: float | None = None
    high: float | None = None
    check: Check | None = None
    bare: bool = False


def option_of(declared: Any) -> Option | None:
    """Return the option that a dataclass field declares, None if it is not one."""
    found: Option | None = declared.metadata.get(_METADATA)
    return found


def options_in(owner: type) -> dict[str, Option]:
    """Return the options that the dataclass `owner` has, by name; TypeError for a field that is not one."""
    found = {}
    for each in fields(owner):
        option = option_of(each)
        if option is None:
            raise TypeError(
                f"{owner.__name__}.{each.name} is not an option: declare it with a function of vitexplain.options"
            )
        found[each.name] = option
    return found


def bare_option(owner: type) -> str | None:
    """Return the name of the option of `owner` that stands without it in a spec, None if there is none."""
    return next((name for name, option in options_in(owner).items() if option.bare), None)


def read_option(owner: type, name: str, text: str) -> object:
    """Return the value of option `name` of `owner` written as `text`; UsageError says what was expected."""
    option = options_in(owner)[name]
    try:
        return option.read(text)
    except ValueError:
        raise UsageError(f"{name} '{text}' is not valid: expected {option.expected}") from None


def write_option(owner: object, name: str) -> str:
    """Return the value that option `name` has in `owner`, as it is written in a canonical spec."""
    return options_in(type(owner))[name].write(getattr(owner, name))


def choice(default: str, about: str | None = None, *, words: Sequence[str] = ()) -> Any:
    """Declare one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return _declared(default, Option(f"one of {', '.join(words)}", read, help=about))


def number(default: float, about: str | None = None, *, low: float, high: float, below: bool = False) -> Any:
    """Declare a number from `low` to `high`; with `below` it is smaller than `high`."""

    def read(text: str) -> float:
        value = float(text)
        if not (low <= value <= high) or (below and value == high):
            raise ValueError
        return value

    expected = f"a number from {low:g} to {'below ' * below}{high:g}"
    included = None if below else high
    return _declared(default, Option(expected, read, "{:.12g}".format, about, number=float, low=low, high=included))


def count(
    default: int | None,
    about: str | None = None,
    *,
    low: int = 0,
    expected: str = "a whole number from 0",
    check: Check | None = None,
) -> Any:
    """Declare a whole number from `low`; `expected` says so in an error."""

    def read(text: str) -> int:
        value = _digits(text)
        if value < low:
            raise ValueError
        return value

    return _declared(default, Option(expected, read, help=about, number=int, low=low, check=check))


def yes_or_no(default: bool, about: str | None = None) -> Any:
    """Declare true or false."""

    def read(text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"

    return _declared(default, Option("true or false", read, lambda value: str(value).lower(), about))


def layer_range(default: LayerRange | None, about: str | None = None, *, check: Check | None = None) -> Any:
    """Declare layers A to B, both included."""

    def read(text: str) -> LayerRange:
        first, colon, last = text.partition(":")
        low, high = _digits(first), _digits(last if colon else first)
        if not 1 <= low <= high:
            raise ValueError
        return low, high

    expected = "A:B with 1 <= A <= B, layers counted from 1 nearest the image"
    return _declared(default, Option(expected, read, "{0[0]}:{0[1]}".format, about, metavar="A:B", check=check))


def text(
    default: str,
    about: str | None = None,
    *,
    expected: str,
    read: Callable[[str], str] = str,
    check: Check | None = None,
    bare: bool = False,
) -> Any:
    """Declare a text of a form of its own, which `read` checks."""
    return _declared(default, Option(expected, read, help=about, check=check, bare=bare))


def _declared(default: object, option: Option) -> Any:
    return field(default=default, metadata={_METADATA: option})


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


FIELDS = {declare.__name__: declare for declare in (choice, count, layer_range, number, text, yes_or_no)}
"""The functions that declare an option, by name."""
