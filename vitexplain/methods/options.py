"""The options that methods share: how each is written, read and checked; the same on the command line and in specs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vitexplain.attention import FUSIONS, check_source
from vitexplain.errors import UsageError
from vitexplain.methods.dimensions import Dimensions, check_head, check_layers, check_source_exists, check_window
from vitexplain.methods.fills import FILLS

LayerRange = tuple[int, int]


@dataclass(frozen=True)
class Option:
    """How an option is read from text and written back; `form` says what is expected, `read` raises ValueError.

    `check` raises UsageError for a value that a model of these dimensions does not have.
    """

    name: str
    form: str
    read: Callable[[str], object]
    write: Callable[[object], str] = str
    check: Callable[[object, Dimensions], None] | None = None


def read_option(name: str, text: str) -> object:
    """Return the value of option `name` written as `text`; UsageError says what was expected."""
    option = OPTIONS[name]
    try:
        return option.read(text)
    except ValueError:
        raise UsageError(f"{name} '{text}' is not valid: expected {option.form}") from None


def write_option(name: str, value: object) -> str:
    """Return the value as it is written in a canonical spec."""
    return OPTIONS[name].write(value)


def check_option(name: str, value: object, dimensions: Dimensions) -> None:
    """Raise UsageError if a model of these dimensions does not have what the value of option `name` asks for."""
    check = OPTIONS[name].check
    if check is not None:
        check(value, dimensions)


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return read


def _write_number(value: object) -> str:
    assert isinstance(value, float | int)
    return f"{value:.12g}"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def _count_from_1(text: str) -> int:
    if _count(text) < 1:
        raise ValueError
    return int(text)


def _choice(name: str, *words: str) -> Option:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Option(name, f"one of {', '.join(words)}", read)


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _write_yes_or_no(value: object) -> str:
    return "true" if value else "false"


def _layers(text: str) -> LayerRange:
    first, colon, last = text.partition(":")
    low, high = _count(first), _count(last if colon else first)
    if not 1 <= low <= high:
        raise ValueError
    return low, high


def _write_layers(value: object) -> str:
    assert isinstance(value, tuple)
    return f"{value[0]}:{value[1]}"


OPTIONS = {
    option.name: option
    for option in (
        _choice("fusion", *FUSIONS),
        Option("head", "the number of a head, counted from 0", _count, check=check_head),
        Option("residual", "a number from 0 to 1", _number(0, 1), _write_number),
        Option("discard", "a number from 0 to below 1", _number(0, math.nextafter(1, 0)), _write_number),
        Option(
            "layers",
            "A:B with 1 <= A <= B, layers counted from 1 nearest the image",
            _layers,
            _write_layers,
            check_layers,
        ),
        Option("source", "readout, cls, patch:ROW,COL or token:N", check_source, check=check_source_exists),
        _choice("fill", *FILLS),
        _choice("of", "logit", "probability"),
        Option("window", "a number of patches from 1", _count_from_1, check=check_window),
        Option("steps", "a number of steps from 1", _count_from_1),
        _choice("reduce", "norm", "sum"),
        Option("times_input", "true or false", _yes_or_no, _write_yes_or_no),
        Option("seed", "a whole number from 0", _count),
    )
}
