"""Destination: where a batch writes, named bytes below one place; each is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from vitexplain.errors import OutputError
from vitexplain.files import UnreadableError, read_regular, regular_size
from vitexplain.images.files import shown
from vitexplain.output.atomic import new_file, write_files


class Destination(Protocol):
    """A folder on this machine, or a place behind a protocol of its own. Names have `/` between their parts.

    All errors are OutputError, in one line.
    """

    def __str__(self) -> str:
        """Return how the user gave it."""

    def spool(self) -> Path:
        """Return the path of a new, empty temporary file of this machine, which `put` takes."""

    def put(self, name: str, data: bytes | Path) -> None:
        """Write bytes, or a whole file of this machine (which is moved or removed), under the name; all or nothing."""

    def get(self, name: str, most: int) -> bytes | None:
        """Return what is under the name, None if there is nothing; OutputError if it has more than `most` bytes."""

    def open(self, name: str) -> IO[bytes]:
        """Return what is under the name, open to be read from any place; OutputError if there is nothing."""

    def size(self, name: str) -> int | None:
        """Return the number of bytes under the name, None if there is nothing."""

    def names(self, below: str) -> Iterator[str]:
        """Yield the names below a folder, folders inside it included, in no particular order."""

    def remove(self, name: str) -> None:
        """Remove what is under the name, if there is anything, and the folders that become empty by it."""


class FolderDestination:
    """A folder of this machine; what it writes appears by renaming. Nothing behind a link to a folder is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def spool(self) -> Path:
        """Return a new file in the folder itself, which `remove_stale` finds if it is left there."""
        return new_file(self.folder)

    def put(self, name: str, data: bytes | Path) -> None:
        """Write the bytes, or move the file, which must be on the same disk."""
        path = self._inside(name)
        if isinstance(data, bytes):
            write_files([(path, data)], self.folder)
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            data.replace(path)
        except OSError as error:
            raise OutputError(
                f"cannot write {shown(str(path))}: {error.strerror}; free some space or give another folder with "
                "`folder=`"
            ) from error

    def get(self, name: str, most: int) -> bytes | None:
        """Return what the file holds; OutputError if it is no regular file, or longer than `most` bytes."""
        path = self.folder / name
        if not os.path.lexists(path):
            return None
        try:
            return read_regular(path, most)
        except UnreadableError as error:
            raise OutputError(
                f"{shown(str(path))}: {error.reason}: remove it, or give another folder with `folder=`"
            ) from None

    def open(self, name: str) -> IO[bytes]:
        """Return the regular file, open."""
        path = self.folder / name
        try:
            regular_size(path)
            return path.open("rb")
        except (UnreadableError, OSError) as error:
            reason = error.reason if isinstance(error, UnreadableError) else error.strerror
            raise OutputError(f"{shown(str(path))}: {reason}: run the batch again, which does it again") from None

    def size(self, name: str) -> int | None:
        """Return the file's bytes; None where there is no regular file."""
        path = self.folder / name
        return path.stat().st_size if path.is_file() else None

    def names(self, below: str) -> Iterator[str]:
        """Yield the regular files below the folder; links to folders are not followed."""
        for above, _, files in os.walk(self.folder / below):
            for file in files:
                yield os.path.relpath(os.path.join(above, file), self.folder).replace(os.sep, "/")  # noqa: PTH118

    def remove(self, name: str) -> None:
        """Remove the file, and folders left empty, but not the destination itself."""
        path = self._inside(name)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            above = path.parent
            while above != self.folder:
                above.rmdir()
                above = above.parent

    def _inside(self, name: str) -> Path:
        """Return the path of a name that is to be changed; OutputError if a link on the way leads elsewhere."""
        above = self.folder
        for part in name.split("/")[:-1]:
            above /= part
            if above.is_symlink():
                raise OutputError(
                    f"{shown(str(above))} is a link: a batch does not change what it leads to; remove the link, or "
                    "give another folder with `folder=`"
                )
        return self.folder / name


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
"""How an address begins that was taken for a path, which has no two slashes in a row."""


def destination_of(given: str | Path) -> Destination:
    """Return the destination at a path or an address; errors as those of RemoteDestination."""
    from vitexplain.output.remote import RemoteDestination
    from vitexplain.output.stores import is_remote

    address = _ADDRESS.sub(r"\1://", str(given), count=1) if isinstance(given, Path) else given
    if address.startswith("file://"):
        return FolderDestination(Path(address.removeprefix("file://")))
    return RemoteDestination(address) if is_remote(address) else FolderDestination(Path(given))
