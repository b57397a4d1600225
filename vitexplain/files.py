"""Regular files of bounded size: a path is checked before it is opened, and every failure has a reason in words.

Pipes, sockets and devices are never opened, so that no read waits or runs for ever. The packages that read
files turn `UnreadableError` into their own error.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

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
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class UnreadableError(Exception):
    """A path leads to no regular file of the size allowed: `reason` in words, without the path.

    `directory` and `too_large` mark two cases that callers treat in their own way.
    """

    def __init__(self, reason: str, *, directory: bool = False, too_large: bool = False) -> None:
        """Keep the reason and its kind."""
        super().__init__(reason)
        self.reason = reason
        self.directory = directory
        self.too_large = too_large


def regular_size(path: AnyPath) -> int:
    """Return the size in bytes of the regular file at `path`, without opening it; UnreadableError: it is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a path may be bytes)
    except OSError as error:
        raise UnreadableError(_reason(path, error)) from None
    except ValueError:  # a zero byte in the name
        raise UnreadableError("not a possible file name") from None
    _check_kind(status)
    return status.st_size


def read_regular(path: AnyPath, max_bytes: int) -> bytes:
    """Return all bytes of the regular file at `path`; UnreadableError: it is none, or has more than `max_bytes`."""
    size = regular_size(path)
    if size > max_bytes:
        raise UnreadableError(f"{size:,} bytes, expected at most {max_bytes:,}", too_large=True)
    content = read_beginning(path, max_bytes + 1)
    if len(content) > max_bytes:  # it grew, or claims 0 bytes, as the kernel's files do
        raise UnreadableError(f"more than {max_bytes:,} bytes, expected at most that", too_large=True)
    return content


def read_beginning(path: AnyPath, count: int) -> bytes:
    """Return the first `count` bytes of the regular file at `path`, or all; UnreadableError: it is none."""
    regular_size(path)
    # O_NONBLOCK: a pipe that took the file's place since would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise UnreadableError(_reason(path, error)) from None
    try:
        _check_kind(os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content: bytes | None = file.read(count)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
    if content is None:  # a file of the kernel that would block
        raise UnreadableError("nothing to read in it now")
    return content


def _check_kind(status: os.stat_result) -> None:
    for is_kind, words in _KINDS:
        if is_kind(status.st_mode):
            raise UnreadableError(f"{words}, expected a regular file", directory=is_kind is stat.S_ISDIR)


def _reason(path: AnyPath, error: OSError) -> str:
    if error.errno == errno.ENOENT and Path(os.fsdecode(path)).is_symlink():
        return "a link to a file that does not exist"
    return _REASONS.get(error.errno or 0, f"cannot be opened ({error.strerror})")
