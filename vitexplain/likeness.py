"""What may have been meant by a word that does not exist: nothing is suggested that is not like it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

LEAST = 0.75
"""Likeness (difflib's ratio) from which on a word is suggested: one wrong letter in four at the most."""


def alike(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return at most `count` of the words: first those that begin with `word` or contain it, then those spelt alike.

    Case and the signs between letters do not matter.
    """
    plain = {_plain(each): each for each in reversed([*known])}
    wanted = _plain(word)
    containing = sorted((each for each in plain if len(wanted) > 2 and wanted in each), key=_order(wanted))
    spelt = difflib.get_close_matches(wanted, plain, n=count, cutoff=LEAST)
    return [plain[each] for each in dict.fromkeys([*containing, *spelt])][:count]


def _order(wanted: str) -> Callable[[str], tuple[bool, int, str]]:
    return lambda each: (not each.startswith(wanted), len(each), each)


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())
