"""JSON of strangers: bounded numbers and depth, no name twice, no NaN, and one line that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

MAX_BYTES = 3 << 20
"""Tables of class names and configurations of more bytes are refused; ImageNet-21k's names take 2 million."""

_DIGITS = 18
"""Whole numbers of more digits count nothing that a model has."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; ValueError with a reason in one short line: it is not valid or not sane."""
    try:
        return json.loads(
            text, object_pairs_hook=_each_once, parse_int=_whole_number, parse_constant=_no_number, parse_float=float
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("not a text in UTF-8") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice[:40]!r} stands in it twice")
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > _DIGITS + 1:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
