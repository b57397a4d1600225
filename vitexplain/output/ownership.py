"""Whose file is it? An output carries the SHA-256 of its input; only its own file is replaced unasked."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.render import MARK_BYTES

_MARK = re.compile(rb"vitexplain:([0-9a-f]{64})")
_START = 4096
_LARGEST_RECORD = 256 * 2**20


def input_of(path: Path) -> str | None:
    """Return the SHA-256 of the input that the file carries; None for anything that vitexplain did not write.

    PNG: text chunk after the header; SVG, GraphML, DOT: comment at the start; .npy, PDF: mark after the end; JSON: the
    record's field.
    """
    try:
        status = path.lstat()
        # Links, folders and FIFOs are never ours; opening a FIFO would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            return None
        with path.open("rb") as file:
            if path.suffix == ".json":
                return _of_record(file.read()) if status.st_size <= _LARGEST_RECORD else None
            if path.suffix in (".npy", ".pdf"):
                file.seek(-min(MARK_BYTES, status.st_size), os.SEEK_END)
            found = _MARK.search(file.read(_START))
    except OSError:
        return None
    return found.group(1).decode("ascii") if found else None


def require_own(paths: Iterable[Path], sha256: str, overwrite: bool) -> None:
    """Raise OutputError if one of the paths is a file that does not belong to the input `sha256`.

    With `overwrite` files are never foreign; a folder in the way still is.
    """
    for path in paths:
        if not os.path.lexists(path):
            continue
        if path.is_dir() and not path.is_symlink():
            raise OutputError(
                f"cannot write {shown(str(path))}: a folder has that name; give another folder with `folder=`"
            )
        if not overwrite and input_of(path) != sha256:
            raise OutputError(
                f"{shown(str(path))} already exists and belongs to another input: nothing was written; "
                "give another folder with `folder=`, or replace it with `overwrite=True`"
            )


def _of_record(data: bytes) -> str | None:
    """Return image.sha256 of a record, None if it is none."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not str(record.get("schema", "")).startswith("vitexplain/"):
        return None
    image = record.get("image")
    found = image.get("sha256") if isinstance(image, dict) else None
    return found if isinstance(found, str) else None
