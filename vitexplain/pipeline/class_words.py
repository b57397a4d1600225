"""Classes given in Python, 3, numpy's 3, "koala" or [3, "koala"], as the words of the command line."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

from vitexplain.errors import UsageError

Classes = str | int | Sequence[str | int] | tuple[str, ...]
"""How a caller names classes: top1, topK, all, an index, a label, several of them."""


def class_words(option: str, given: object) -> str | tuple[str, ...]:
    """Return the words for a class, or for several in a list, tuple, set, range or array.

    UsageError: something that names no class, such as 0.5 or True.
    """
    if isinstance(given, str):
        return given
    number = _index(given)
    if number is not None:
        return number
    if isinstance(given, Iterable) and not isinstance(given, bytes | dict):
        return tuple(one_class(option, each) for each in given)
    raise _no_class(option, given)


def one_class(option: str, given: object) -> str:
    """Return the word for one class; UsageError: something that names none, or several."""
    word = given if isinstance(given, str) else _index(given)
    if word is None:
        raise _no_class(option, given)
    return word


def _index(given: object) -> str | None:
    """Return a whole number, of Python, numpy or torch, as text; None for anything else."""
    if isinstance(given, bool):
        return None
    try:
        return str(operator.index(given))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return None


def _no_class(option: str, given: object) -> UsageError:
    text = " ".join(repr(given).split())[:40]
    return UsageError(f"{option} {text} names no class: give an index from 0, a label, or a list of them")
