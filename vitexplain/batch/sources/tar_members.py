"""The members of a tar, which nothing of it can harm: names, places and sizes are read, and nothing is written."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import IO

from vitexplain.errors import VitexplainError

_LARGEST_HEADER = 2**20
"""Bytes of one header, with its long names."""

_END = 2**20
"""So many zeros are the end, whatever follows."""

_MOST_PACKED, ALWAYS = 200, 2**30
"""So many times its length, and these bytes, may a compressed tar unpack to: no pictures are packed more tightly."""


@dataclass(frozen=True)
class Member:
    """A regular file in a tar: its bytes are `size` from `offset` on. `whole`: the tar holds all of them."""

    name: str
    offset: int
    size: int
    whole: bool = True


@dataclass
class Members:
    """One walk through a tar from its start; `stream` can seek.

    `length`: its bytes, None where it is compressed to `packed` bytes. `others`: how many members of each kind are no
    files. `problem`: why it ends before its end, in words.
    """

    stream: IO[bytes]
    length: int | None
    packed: int = 0
    others: Counter[str] = field(default_factory=Counter)
    problem: str | None = None

    def __iter__(self) -> Iterator[Member]:
        """Yield the regular files. What follows damage is left out, and `problem` says so."""
        if self.length is not None:
            stream = _Careful(self.stream, self.length, "a member that ends where the file has ended")
        else:
            limit = _MOST_PACKED * self.packed + ALWAYS
            stream = _Careful(self.stream, limit, f"it unpacks to more than {limit:,} bytes, too many for pictures")
        start: int | None = 0
        try:
            while start is not None:
                stream.seek(start)
                begun, end = start, (yield from self._from(stream))
                start = self._next_start(stream, end)
                if start == begun:
                    raise tarfile.ReadError("a damaged header")
        except VitexplainError:
            raise
        except Exception as error:  # tarfile, gzip and zlib raise almost anything
            self.problem = " ".join(str(error).split())[:120] or type(error).__name__

    def _from(self, stream: _Careful) -> Generator[Member, None, int]:
        """Yield the files of one archive, of which there may be several in one file; return where it ends."""
        before = -1
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # what was seen is not needed again
                if info.offset_data <= before or info.size < 0:
                    raise tarfile.ReadError("a member that lies before the one before it")
                before = info.offset_data
                if info.isreg() and not info.issparse():
                    whole = self._is_whole(stream, info)
                    yield Member(info.name, info.offset_data, info.size, whole)
                    if not whole:
                        raise tarfile.ReadError("it is cut short")
                elif not info.isdir():
                    self.others[_kind(info)] += 1
            return int(archive.offset)

    def _is_whole(self, stream: _Careful, info: tarfile.TarInfo) -> bool:
        end = info.offset_data + info.size
        if self.length is not None:
            return end <= self.length
        if not info.size:
            return True
        try:
            stream.seek(end - 1)
            return len(stream.read(1)) == 1
        except EOFError:
            return False

    def _next_start(self, stream: _Careful, end: int) -> int | None:
        """Return where another archive begins behind this one; None: there is nothing more."""
        stream.seek(end)
        for _ in range(_END // tarfile.BLOCKSIZE):
            block = stream.read(tarfile.BLOCKSIZE)
            if not block:
                return None
            if block.count(0) != len(block):
                tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")  # raises where it is no header
                return end
            end += len(block)
        return None


def _kind(info: tarfile.TarInfo) -> str:
    if info.issparse():
        return "sparse files"
    return "links" if info.islnk() or info.issym() else "devices and pipes"


class _Careful(io.RawIOBase):
    """A stream that refuses to read a header of any length, or to go where there is nothing."""

    def __init__(self, stream: IO[bytes], limit: int, beyond: str) -> None:
        self._stream, self._limit, self._beyond = stream, limit, beyond

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or not 0 <= offset <= self._limit:
            raise tarfile.ReadError(self._beyond)
        return self._stream.seek(offset)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)
