"""Container: a file that holds many pictures, on this machine or remote, read at any place."""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass
from typing import IO, Any

from vitexplain.batch.sources.remote import attempt, filesystem, read_range
from vitexplain.errors import InputError
from vitexplain.files import UnreadableError, regular_size
from vitexplain.images.files import shown
from vitexplain.output.stores import is_remote

BLOCK = 8 * 2**20
"""So many bytes of a remote container are asked for at once where it is read from the beginning."""


@dataclass(frozen=True)
class Container:
    """A tar or a table; what was opened once stays open in the process."""

    address: str

    @property
    def base(self) -> str:
        """The last part of its address."""
        return self.address.partition("?")[0].rstrip("/").rpartition("/")[2] or self.address

    def size(self) -> int:
        """Return its bytes; InputError: there is no such file, or it is none."""
        if is_remote(self.address):
            store, path = filesystem(self.address)
            size = attempt(self.address, lambda: store.info(path)).get("size")
            if not isinstance(size, int):
                raise InputError(f"{shown(self.address)}: the store does not say how long it is: copy it here first")
            return size
        try:
            return regular_size(self.address)
        except UnreadableError as error:
            raise InputError(f"{shown(self.address)}: {error.reason}: check the name") from None

    def stamp(self) -> tuple[int, ...]:
        """Return what is another for a file that took its place since; nothing for a remote one."""
        if is_remote(self.address):
            return ()
        self.size()
        status = os.stat(self.address)  # noqa: PTH116 - the path stays as it was given
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def open(self) -> IO[bytes]:
        """Return it opened at its start, for who reads it from there; the caller closes it."""
        size = self.size()
        if is_remote(self.address):
            return io.BufferedReader(_Remote(self.address, size), BLOCK)
        try:
            return open(self.address, "rb")  # noqa: PTH123 - the path stays as it was given
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, start: int, size: int) -> bytes:
        """Return `size` bytes from `start` on, or what there is; InputError: it cannot be read."""
        if is_remote(self.address):
            return read_range(self.address, start, size)
        parts = []
        try:
            opened = _opened(self.address, self.stamp())
            while size > 0 and (part := os.pread(opened.number, size, start)):
                parts.append(part)
                start, size = start + len(part), size - len(part)
        except OSError as error:
            raise self._unreadable(error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(f"{shown(self.address)}: cannot be read ({error.strerror}): check the file")


class _Descriptor:
    """An open file of this process, closed when nothing refers to it any more."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


@functools.lru_cache(maxsize=16)
def _opened(path: str, _stamp: tuple[int, ...]) -> _Descriptor:
    return _Descriptor(path)


class _Remote(io.RawIOBase):
    """A remote file of known length, each read of which is one request."""

    def __init__(self, address: str, size: int) -> None:
        self._address, self._size, self._at = address, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = read_range(self._address, self._at, wanted)[:wanted]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
