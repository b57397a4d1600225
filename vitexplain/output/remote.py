"""RemoteDestination: a place behind a protocol (s3://, gs://, memory://), written through fsspec."""

from __future__ import annotations

import io
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from vitexplain.errors import OutputError, UsageError, VitexplainError
from vitexplain.images.files import shown
from vitexplain.output.stores import LOGIN, find_store, protocol_of, reason_of

Answer = TypeVar("Answer")


_WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory", "oss"})
"""Stores in which an object appears whole or not at all; to others a file is written under another name first."""

_BLOCK = 2**20

_ONLY_READ = frozenset({"http", "https"})

_BEGUN = ".vitexplain-"
"""How the ending of such a name begins."""


class RemoteDestination:
    """Everything below one address; each name is there whole or not at all."""

    def __init__(self, address: str) -> None:
        """Find the store, without asking it anything.

        MissingExtraError: the package that its protocol needs is not installed; UsageError: no such protocol.
        """
        self._address = address.rstrip("/")
        if protocol_of(address) in _ONLY_READ:
            raise UsageError(
                f"{shown(address)}: {protocol_of(address)}:// is only read: give a folder or an address such as "
                "s3://bucket/run"
            )
        self._store, root = find_store(self._address, OutputError)
        self._root = root.rstrip("/")

    def __str__(self) -> str:
        return self._address

    def spool(self) -> Path:
        """Return the path of a new, empty file of this machine for `put`."""
        descriptor, name = tempfile.mkstemp(prefix="vitexplain-", suffix=".tmp")
        os.close(descriptor)
        return Path(name)

    def put(self, name: str, data: bytes | Path) -> None:
        """Send the bytes, or the file, which is removed then."""
        path = self._path(name)
        begun = path if protocol_of(self._address) in _WHOLE_OBJECTS else f"{path}{_BEGUN}{secrets.token_hex(4)}"

        def send() -> None:
            if begun != path:
                self._store.makedirs(path.rpartition("/")[0], exist_ok=True)
            if isinstance(data, bytes):
                self._store.pipe_file(begun, data)
            else:
                self._store.put_file(os.fspath(data), begun)
            if begun != path:
                self._store.mv(begun, path)

        try:
            self._ask("be written", name, send)
        finally:
            if isinstance(data, Path):
                data.unlink(missing_ok=True)

    def get(self, name: str, most: int) -> bytes | None:
        """Return the object; OutputError if it has more than `most` bytes."""
        size = self.size(name)
        if size is None:
            return None
        if size > most:
            raise OutputError(
                f"{shown(f'{self._address}/{name}')}: {size:,} bytes, expected at most {most:,}: remove it, or give "
                "another folder with `folder=`"
            )
        found: bytes | None = self._ask("be read", name, lambda: self._store.cat_file(self._path(name)))
        return found

    def open(self, name: str) -> IO[bytes]:
        """Return the object, open; a few megabytes of it are in memory at a time."""
        found = self._ask("be read", name, lambda: self._store.open(self._path(name), "rb"))
        if found is None:
            raise OutputError(f"{shown(f'{self._address}/{name}')}: there is no such object: run the batch again")
        return io.BufferedReader(_Reader(found, lambda ask: self._ask("be read", name, ask)), _BLOCK)

    def size(self, name: str) -> int | None:
        """Return the object's bytes; None where there is none."""
        found = self._ask("be read", name, lambda: self._store.info(self._path(name)))
        return None if found is None or found["type"] != "file" else int(found["size"])

    def names(self, below: str) -> Iterator[str]:
        """Yield the names below a folder."""
        found: list[str] = self._ask("be listed", below, lambda: self._store.find(self._path(below))) or []
        start = len(self._root.strip("/")) + 1
        for path in found:
            if _BEGUN not in path:
                yield path.strip("/")[start:]

    def remove(self, name: str) -> None:
        """Remove the object, if there is one."""
        self._ask("be removed", name, lambda: self._store.rm_file(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}".rstrip("/")

    def _ask(self, what: str, name: str, ask: Callable[[], Answer]) -> Answer | None:
        """Return the store's answer, None for what is not there; OutputError in one line for all else.

        The stores' own libraries try again, several times, what may be over in a moment.
        """
        label = shown(f"{self._address}/{name}".rstrip("/"))
        try:
            return ask()
        except FileNotFoundError as error:
            # Of an object that is not there they say its path, of a bucket that it does not exist.
            if what != "be written" and "does not exist" not in str(error):
                return None
            raise OutputError(
                f"{label} cannot {what} ({reason_of(error)}): make the bucket or folder first, or give another with "
                "`folder=`"
            ) from error
        except PermissionError as error:
            raise OutputError(f"{label} cannot {what} ({reason_of(error)}): check the login of the store") from error
        except VitexplainError:
            raise
        except Exception as error:  # every store raises classes of its own
            if "credentials" in str(error).lower():
                raise OutputError(f"{label} cannot {what} ({reason_of(error)}): {LOGIN}") from error
            raise OutputError(
                f"{label} cannot {what} ({reason_of(error)}): run the same command again later to resume"
            ) from error


class _Reader(io.RawIOBase):
    """An object that is being read, whose errors are those of its destination."""

    def __init__(self, file: Any, ask: Callable[[Callable[[], Any]], Any]) -> None:
        self._file, self._ask = file, ask

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def seekable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is room for."""
        return int(self._ask(lambda: self._file.readinto(buffer)) or 0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, without reading."""
        return int(self._file.seek(offset, whence))

    def close(self) -> None:
        """Let it go."""
        self._file.close()
        super().close()
