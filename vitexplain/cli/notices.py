"""Which notices of a result are printed; the record has them all."""

from __future__ import annotations

from collections.abc import Iterable

from vitexplain.tokens import OF_TOKENS


def printed_notices(notices: Iterable[str], *, layers_chosen: bool) -> list[str]:
    """Return the notices to print, each once.

    That scores above layer 1 are those of tokens is said once for all methods, and only to those who chose the layers:
    it is true of the default on every picture.
    """
    found = []
    for notice in notices:
        start = notice.find(OF_TOKENS)
        if start < 0:
            found.append(notice)
        elif layers_chosen:
            found.append(notice[start:])
    return list(dict.fromkeys(found))
