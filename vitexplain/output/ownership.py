"""Whose file is it? An output carries the SHA-256 of its input; only its own file is replaced unasked."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from vitexplain.errors import OutputError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.render import MARK_BYTES

_MARK = re.compile(rb"vitexplain:([0-9a-f]{64})")
_START = 4096
_RECORD = re.compile(
    rb'\s*\{\s*"schema"\s*:\s*"vitexplain/[^"]*"\s*,\s*"image"\s*:\s*\{\s*'
    rb'"path"\s*:\s*(?:null|"(?:[^"\\]|\\.)*")\s*,\s*"sha256"\s*:\s*"([0-9a-f]{64})"'
)
_SPEC = re.compile(r'\{"method": "[\w-]+", "spec": "([^"\\]{1,1000})"')
_LONGEST_RECORD = 64 * 2**20

_START_OF_RECORD = 65536
"""Bytes in which the longest path ends, each of its bytes written as \\udcXX."""


def input_of(path: Path) -> str | None:
    """Return the SHA-256 of the input that the file carries; None for anything that vitexplain did not write.

    PNG: text chunk after the header; SVG, GraphML, DOT, GIF: comment at the start; WebP: metadata at the end; .npy,
    PDF: mark after the end; JSON: the record's field, which stands near its start. No more of a file than that is read.
    """
    try:
        status = path.lstat()
        # Links, folders and FIFOs are never ours; opening a FIFO would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            return None
        with path.open("rb") as file:
            if path.suffix == ".json":
                found = _RECORD.match(file.read(_START_OF_RECORD))
            else:
                if path.suffix in (".npy", ".pdf", ".webp"):
                    last = _START if path.suffix == ".webp" else MARK_BYTES
                    file.seek(-min(last, status.st_size), os.SEEK_END)
                found = _MARK.search(file.read(_START))
    except OSError:
        return None
    return found.group(1).decode("ascii") if found else None


def recorded_specs(path: Path) -> tuple[str, ...]:
    """Return the specs of the explanations in a record, each once; none for what is no record, or is too long for one.

    They are found without reading the record's numbers.
    """
    if input_of(path) is None:
        return ()
    try:
        text = read_regular(path, _LONGEST_RECORD).decode("ascii", "replace")
    except UnreadableError:
        return ()
    return tuple(dict.fromkeys(_SPEC.findall(text)))


def require_own(paths: Iterable[Path], sha256: str, overwrite: bool, source: str | None = None) -> None:
    """Raise OutputError if one of the paths is a file that does not belong to the input `sha256`.

    With `overwrite` files are never foreign, but a folder in the way still is, and the input itself at `source`.
    """
    for path in paths:
        if not os.path.lexists(path):
            continue
        if path.is_dir() and not path.is_symlink():
            raise OutputError(
                f"cannot write {shown(str(path))}: a folder has that name; give another folder with `folder=`"
            )
        if source is not None and _is_same(path, source):
            raise OutputError(
                f"cannot write {shown(str(path))}: it is the picture itself: give another folder with `folder=`"
            )
        if not overwrite and input_of(path) != sha256:
            raise OutputError(
                f"{shown(str(path))} already exists and belongs to another input: nothing was written; "
                "give another folder with `folder=`, or replace it with `overwrite=True`"
            )


def _is_same(path: Path, source: str) -> bool:
    try:
        return path.samefile(source)
    except (OSError, ValueError):  # it has no path, or is gone
        return False
