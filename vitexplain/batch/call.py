"""The digest of a call of `batch`: the same options over the same files mean the same work."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from vitexplain import __version__


def call_digest(options: Iterable[object], files: Iterable[str | os.PathLike[str] | None]) -> str:
    """Return the SHA-256 of the options (by their repr) and of what the files are now.

    A file counts by its size and the time of its last change, a folder by those of the files in it.
    """
    stated = [repr(each) for each in options]
    stated += [repr(_state(Path(file))) for file in files if file is not None]
    return hashlib.sha256("\n".join([__version__, *stated]).encode("utf-8", "surrogatepass")).hexdigest()


def _state(path: Path) -> list[tuple[str, int, int]] | None:
    """Return name, size and time of change of a file, or of each file in a folder; None: there is nothing."""
    try:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        return [(str(each), status.st_size, status.st_mtime_ns) for each in inside for status in [each.stat()]]
    except (OSError, ValueError):
        return None
