"""The bytes of a picture's file that a user names; every failure is one line with what to do."""

from __future__ import annotations

import os

from vitexplain.errors import InputError, LimitError, UsageError
from vitexplain.files import AnyPath, UnreadableError, read_regular

MAX_BYTES = 1 << 30
"""Files of more bytes are refused: they are read whole."""


_LONGEST = 500
"""Characters of a path that an error shows."""


def read_file(path: AnyPath) -> bytes:
    """Return all bytes of a regular file (at most MAX_BYTES).

    UsageError: a directory; LimitError: too large; InputError: missing, unreadable or not a regular file.
    """
    label = shown(os.fsdecode(path))
    if len(label) > _LONGEST:
        label = f"{label[:_LONGEST]}... ({len(label):,} characters)"
    try:
        return read_regular(path, MAX_BYTES)
    except UnreadableError as error:
        if error.directory:
            raise UsageError(
                f"{label}: a directory, expected a picture: give it to vitexplain batch as an argument, not in a list"
            ) from None
        if error.too_large:
            raise LimitError(f"{label}: {error.reason}: scale it down") from None
        stream = error.reason.endswith("expected a regular file")
        advice = "to read a stream, use - (standard input)" if stream else "check the name"
        raise InputError(f"{label}: {error.reason}: {advice}") from None


def shown(text: str) -> str:
    """Return the text in one line that a terminal can print: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
