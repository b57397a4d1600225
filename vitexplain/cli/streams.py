"""Standard output and standard error that were closed by the caller, or that cannot be written."""

from __future__ import annotations

import io
import os
import sys
from typing import IO


def open_streams() -> None:
    """Replace streams that were closed, and let what cannot be written on stderr be lost: it changes nothing else."""
    if sys.stdout is None:
        sys.stdout = _nowhere()
    given = sys.stderr
    if given is None:
        sys.stderr = _nowhere()
    elif given is sys.__stderr__ and isinstance(given, io.TextIOWrapper):
        raw = io.BufferedWriter(_Forgiving(given.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, given.encoding, given.errors, line_buffering=True)


def discard_stdout() -> None:
    """Send what is still to be written on stdout nowhere, so that the interpreter's own flush cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> IO[str]:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open as long as the process


class _Forgiving(io.FileIO):
    """A file that takes whatever it is given, also where the device is full or its reader has gone away."""

    def write(self, data: object) -> int:
        """Write bytes as far as that can be done, and return how many were given."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]
