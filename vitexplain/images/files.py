"""The bytes of a file that a user names: a regular file only, never a wait, every failure in one line."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from vitexplain.errors import InputError, LimitError, UsageError

MAX_BYTES = 1 << 30
"""Files of more bytes are refused: they are read whole."""

_REASONS = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.ELOOP: "a link that leads to itself",
    errno.EACCES: "not allowed to read it",
    errno.EPERM: "not allowed to read it",
    errno.ENAMETOOLONG: "the name is too long for a file",
    errno.ENXIO: "a socket or device, expected a regular file",
}

_KINDS = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_file(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bytes:
    """Return all bytes of a regular file (at most MAX_BYTES).

    UsageError: a directory; LimitError: too large; InputError: missing, unreadable or no regular file.
    """
    label = shown(os.fsdecode(path))
    try:
        _check_kind(os.stat(path).st_mode, label)  # noqa: PTH116 - a device may act when it is opened
    except OSError as error:
        raise InputError(f"{label}: {_reason(path, error)}: check the name") from None
    except ValueError:  # a zero byte in the name
        raise InputError(f"{label}: not a possible file name") from None
    # O_NONBLOCK: opening a FIFO without writer would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise InputError(f"{label}: {_reason(path, error)}: check the name") from None
    try:
        status = os.fstat(descriptor)
        _check_kind(status.st_mode, label)  # it may be another by now
        if status.st_size > MAX_BYTES:
            raise LimitError(f"{label}: {status.st_size:,} bytes, expected at most {MAX_BYTES:,}: scale it down")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data: bytes | None = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{label}: cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
    if data is None:  # it is there, but would make one wait: a file of the kernel's
        raise InputError(f"{label}: has nothing to read now, expected a picture: check the name")
    return data


def shown(text: str) -> str:
    """Return the text in one line that a terminal can print: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _check_kind(mode: int, label: str) -> None:
    """Raise the error for what is no regular file."""
    if stat.S_ISDIR(mode):
        raise UsageError(f"{label}: a directory, expected a picture: for folders use vitexplain batch")
    for is_kind, words in _KINDS:
        if is_kind(mode):
            raise InputError(f"{label}: {words}, expected a regular file: to read a stream, use - (standard input)")


def _reason(path: str | bytes | os.PathLike[str] | os.PathLike[bytes], error: OSError) -> str:
    if error.errno == errno.ENOENT and Path(os.fsdecode(path)).is_symlink():
        return "a link to a file that does not exist"
    return _REASONS.get(error.errno or 0, f"cannot be opened ({error.strerror})")
