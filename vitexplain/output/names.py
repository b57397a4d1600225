"""File names of a run: always inside its folder, never the same for two inputs of one call.

A stem is the part that all files of one input share, up to their first dot: the input's last path component without its
ending (`cat` of `photos/cat.jpg`), or its path below the input folder (`birds/owl`). It has no dot, `=`, `:` or `,`.
Bytes that are not UTF-8 are kept, as surrogates.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

LONGEST = 200
"""Most bytes of a file's name: the usual limit is 255, and the temporary name and other systems need room."""

DIGITS = 8
"""Hexadecimal digits that tell two names apart."""

_ENDING = re.compile(r"(?<=.)\.([A-Za-z][A-Za-z0-9]{1,4})$")
_REPLACED = str.maketrans(dict.fromkeys(".=:,", "-"))


def stem_of(path: str | None) -> str:
    """Return the stem of an input given by itself: its last part; `stdin` for "-", `image` for one without a path."""
    return stem_below(name_of(path))


def name_of(path: str | None) -> str:
    """Return the name of an input given by itself, with its ending."""
    if path is None:
        return "image"
    return "stdin" if path == "-" else PurePosixPath(path).name


def stem_below(relative: str) -> str:
    """Return the stem of an input of a folder, from its path relative to that folder: `birds/owl`."""
    parts = [part for part in relative.split("/") if part not in ("", ".")] or ["image"]
    return "/".join([*map(_safe, parts[:-1]), _safe(_ENDING.sub("", parts[-1])).translate(_REPLACED)])


def file_name(stem: str, words: str, ending: str) -> str:
    """Return `<stem>.<words><ending>`, relative to the output folder; without the first dot if there are no words.

    A last part over 200 bytes is cut and gets 8 hexadecimal digits of the SHA-256 of the whole.
    """
    folder, slash, name = stem.rpartition("/")
    if len(os.fsencode(f"{name}.{words}{ending}")) > LONGEST:
        digits = digest(f"{name}.{words}" if words else name)
        room = LONGEST - len(os.fsencode(ending)) - len(digits) - 1
        name, words = f"{_cut(f'{name}.{words}' if words else name, room)}-{digits}", ""
    return f"{folder}{slash}{name}{f'.{words}' if words else ''}{ending}"


def digest(text: str) -> str:
    """Return 8 hexadecimal digits of the SHA-256 of a path's raw bytes."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:DIGITS]


def stems_of(inputs: Sequence[tuple[str | None, str]], occupied: Collection[str] = ()) -> list[str]:
    """Return the stems of all inputs of one call, each given as its path and its name (`cat.jpg`, `birds/owl.jpg`).

    Two never share one, even on a file system that ignores case: those that differ in their ending alone all keep it
    (`cat-jpg`, `cat-png`), later ones of the same name get digits of their path's SHA-256. `occupied`: names of inputs
    in the output folder itself that an overlay could replace: these keep their ending, too.
    """
    sharing: dict[str, set[str]] = {}
    for _, name in inputs:
        sharing.setdefault(_folded(stem_below(name)), set()).add(_folded(_ending(name)))
    taken: set[str] = set()
    stems = []
    for path, name in inputs:
        stem, ending = stem_below(name), _ending(name)
        own = ending and f"{stem}.{ending}" in occupied
        wanted = f"{stem}-{ending}" if ending and (own or len(sharing[_folded(stem)]) > 1) else stem
        claimed, again = wanted, 0
        while _folded(claimed) in taken:
            # The same path a second time: the count makes other digits of it.
            claimed = f"{wanted}-{digest((path or '') + (f'#{again}' if again else ''))}"
            again += 1
        taken.add(_folded(claimed))
        stems.append(claimed)
    return stems


def _ending(name: str) -> str:
    found = _ENDING.search(name.rpartition("/")[2])
    return found.group(1) if found else ""


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
