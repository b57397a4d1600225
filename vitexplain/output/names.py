"""File names of a run: always inside its folder, never the same for two inputs of one call.

A stem is the part that all files of one input share: the input's last path component (`cat.jpg`), or its path below the
input folder (`birds/owl.jpg`). Bytes that are not UTF-8 are kept, as surrogates.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import PurePosixPath

LONGEST = 200
"""Most bytes of a file's name: the usual limit is 255, and the temporary name and other systems need room."""

DIGITS = 8
"""Hexadecimal digits that tell two names apart."""

_KEPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=+@~-")


def stem_of(path: str | None) -> str:
    """Return the stem of an input given by itself: its last part; `stdin` for "-", `image` for one without a path."""
    if path is None:
        return "image"
    return "stdin" if path == "-" else _safe(PurePosixPath(path).name)


def stem_below(relative: str) -> str:
    """Return the stem of an input of a folder, from its path relative to that folder: `birds/owl.jpg`."""
    return "/".join(_safe(part) for part in relative.split("/") if part not in ("", ".")) or "image"


def file_name(stem: str, spec: str | None, ending: str) -> str:
    """Return `<stem>.<spec><ending>`, relative to the output folder; `:` and `,` of the spec become `-`.

    A last part over 200 bytes is cut and gets 8 hexadecimal digits of the SHA-256 of the whole.
    """
    folder, slash, name = stem.rpartition("/")
    if spec is not None:
        name = f"{name}.{''.join(letter if letter in _KEPT else '-' for letter in spec)}"
    if len(os.fsencode(name + ending)) > LONGEST:
        digits = digest(name)
        room = LONGEST - len(os.fsencode(ending)) - len(digits) - 1
        name = f"{_cut(name, room)}-{digits}"
    return f"{folder}{slash}{name}{ending}"


def digest(text: str) -> str:
    """Return 8 hexadecimal digits of the SHA-256 of a path's raw bytes."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:DIGITS]


class Stems:
    """The stems of one call: two inputs never share one, even on a file system that ignores case.

    Not thread-safe: claim the stems in the order of the inputs, before the work is handed out.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, path: str | None, stem: str | None = None) -> str:
        """Return the stem for the input at `path` (by default its last part); a later one of the same name gets digits.

        The digits are those of the path's SHA-256, so they do not depend on the other inputs.
        """
        wanted = stem_of(path) if stem is None else stem
        claimed, again = wanted, 0
        while _folded(claimed) in self._taken:
            # The same path a second time: the count makes other digits of it.
            claimed = f"{wanted}-{digest((path or '') + (f'#{again}' if again else ''))}"
            again += 1
        self._taken.add(_folded(claimed))
        return claimed


def _safe(name: str) -> str:
    """Return the name of one file: no control characters, no leading dot, no `..`, never empty."""
    cleaned = "".join("_" if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name)
    cleaned = cleaned.replace("/", "_")
    if cleaned.startswith("."):
        cleaned = "_" + cleaned[1:]
    return cleaned or "image"


def _folded(stem: str) -> str:
    """Return the stem as compared by a file system that ignores case and how letters are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())


def _cut(name: str, room: int) -> str:
    """Return the longest start of the name with at most `room` bytes, whole characters only."""
    start = ""
    for letter in name:
        room -= len(os.fsencode(letter))
        if room < 0:
            break
        start += letter
    return start
