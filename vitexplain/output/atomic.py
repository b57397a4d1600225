"""Atomic writes: a file is there whole or not at all, and several are there together or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from vitexplain.errors import OutputError

_PREFIX, _SUFFIX = "vitexplain-", ".tmp"


def write_files(files: Sequence[tuple[Path, bytes]], staging: Path) -> None:
    """Write files in order, all or none: each is written whole under a temporary name before the first gets its own.

    `staging` is the folder for the temporary names, on the same file system: one look there finds what a killed run
    left. Folders that are missing are made. OutputError names the file and the reason; nothing half stays behind,
    also not after Ctrl-C.
    """
    waiting: list[Path] = []
    target = staging
    try:
        _make_folder(staging)
        for target, data in files:  # noqa: B007 - the error names it
            waiting.append(staging / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}")
            _write(waiting[-1], data)
        for target, _ in files:
            _make_folder(target.parent)
            os.replace(waiting[0], target)  # noqa: PTH105 - the same as Path.replace, without a new Path
            waiting.pop(0)
    except OSError as error:
        raise OutputError(f"cannot write {shown(target)}: {_reason(error)}") from error
    finally:
        for path in waiting:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def remove_stale(staging: Path) -> int:
    """Remove the temporary files that killed runs left in the folder; return how many.

    Only for a caller that knows that no other run writes there now.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(staging)):
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
                removed += 1
    return removed


def require_folder(folder: Path) -> None:
    """Raise OutputError unless the folder can be written, or made: asked before the work starts, writes nothing."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputError(
            f"cannot write to {shown(folder)}: {shown(nearest)} is not a folder; give another folder with --out"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to {shown(folder)}: no permission; give another folder with --out")


def shown(path: Path | str) -> str:
    """Return a path for a message of one line: as it is, or quoted with escapes where it would not print."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def _make_folder(folder: Path) -> None:
    """Make the folder and those above it where they are missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"{shown(folder)} is not a folder") from None


def _write(path: Path, data: bytes) -> None:
    """Write a new file; its permissions are those of any new file."""
    with path.open("xb") as file:
        file.write(data)


def _reason(error: OSError) -> str:
    """Return why it failed and what to do, in words."""
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    if error.filename is not None and str(error.filename) not in reason and error.strerror:
        reason = error.strerror.lower()
    return f"{reason}; free some space there or give another folder with --out"
