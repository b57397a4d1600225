"""Atomic writes: a file is there whole or not at all, and several are there together or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from vitexplain.errors import OutputError
from vitexplain.images.files import shown

_PREFIX, _SUFFIX = "vitexplain-", ".tmp"


def write_files(files: Sequence[tuple[Path, bytes]], staging: Path) -> None:
    """Write files in order; each is written whole under a temporary name before the first gets its own.

    `staging` is the folder for the temporary names, on the same file system, where what a killed run left is found.
    Missing folders are made. OutputError names the file and the reason. After a failure, Ctrl-C
    included, no temporary file and no empty new folder stays behind.
    """
    waiting: list[Path] = []
    made: list[Path] = []
    target = staging
    try:
        made += _make_folder(staging)
        for target, data in files:  # noqa: B007 - the error names it
            waiting.append(_temporary(staging))
            _write(waiting[-1], data)
        for target, _ in files:
            made += _make_folder(target.parent)
            waiting[0].replace(target)
            waiting.pop(0)
        made.clear()
    except OSError as error:
        raise OutputError(f"cannot write {shown(str(target))}: {_reason(error)}") from error
    finally:
        for path in waiting:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()


def new_file(staging: Path) -> Path:
    """Return the path of a new, empty temporary file in the folder, which is made if it is missing."""
    path = _temporary(staging)
    try:
        _make_folder(staging)
        _write(path, b"")
    except OSError as error:
        raise OutputError(f"cannot write {shown(str(path))}: {_reason(error)}") from error
    return path


def write_new(path: Path, data: bytes, staging: Path) -> bool:
    """Write a file unless there is one already, as `write_files` does; return whether it was written."""
    waiting = _temporary(staging)
    try:
        _make_folder(staging)
        _write(waiting, data)
        try:
            path.hardlink_to(waiting)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if path.exists():
                return False
            waiting.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {shown(str(path))}: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)
    return True


def remove_stale(staging: Path) -> int:
    """Remove the temporary files that killed runs left in the folder; return how many.

    Only for callers that know that no other run is writing there.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(staging)):
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
                removed += 1
    return removed


def require_folder(folder: Path) -> None:
    """Raise OutputError unless the folder can be written, or made. Checked before the work starts; writes nothing."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputError(
            f"cannot write to {shown(str(folder))}: {shown(str(nearest))} is not a folder; give another with `folder=`"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to {shown(str(folder))}: it is read-only; give another folder with `folder=`")


def _temporary(staging: Path) -> Path:
    return staging / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"


def _make_folder(folder: Path) -> list[Path]:
    """Make the folder and those above it where they are missing; return the new ones, the outermost first."""
    missing = []
    above = folder
    while not above.exists() and above != above.parent:
        missing.append(above)
        above = above.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, f"{shown(str(folder))} is not a folder") from None
    return missing[::-1]


def _write(path: Path, data: bytes) -> None:
    """Write a new file; its permissions are those of any new file."""
    with path.open("xb") as file:
        file.write(data)


def _reason(error: OSError) -> str:
    """Return why it failed and what to do, in words."""
    reason = error.strerror or str(error) or type(error).__name__
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{reason}; {'free some space or ' * full}give another folder with `folder=`"
