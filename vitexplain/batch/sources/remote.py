"""Addresses of remote stores (s3://, gs://, https://, hf://, memory:// ...), read with patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from vitexplain.errors import InputError, LimitError, VitexplainError
from vitexplain.images.files import MAX_BYTES, shown
from vitexplain.output.stores import LOGIN, find_store, is_remote, reason_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Answer = TypeVar("Answer")

_MISSING, _LATER = (404, 410), "run the same command again later"

PAUSES = (0.5, 2.0)
"""Seconds before another try; then the error counts."""


def filesystem(address: str) -> tuple[AbstractFileSystem, str]:
    """Return the store of an address and the path in it; errors as those of `find_store`, InputError the last."""
    return find_store(address, InputError)


def attempt(address: str, ask: Callable[[], Answer]) -> Answer:
    """Return what a store answers, asked again after a pause where it fails; InputError in one line in the end."""
    for pause in (*PAUSES, None):
        try:
            return ask()
        except (VitexplainError, MemoryError):
            raise
        except PermissionError as error:
            raise InputError(
                f"{shown(address)}: not allowed to read it ({reason_of(error)}): check the login"
            ) from None
        except Exception as error:  # every store raises classes of its own
            cause = _web_trouble(error)
            if cause is None and isinstance(error, FileNotFoundError):
                raise InputError(f"{shown(address)}: no such file: check the address") from None
            if "credentials" in str(error).lower():
                raise InputError(f"{shown(address)}: cannot be read ({reason_of(error)}): {LOGIN}") from None
            if pause is None or isinstance(error, NotImplementedError):
                words = reason_of(cause or error)
                raise InputError(f"{shown(address)}: the store does not give it ({words}): {_LATER}") from None
            time.sleep(pause)
    raise AssertionError


def _web_trouble(error: Exception) -> BaseException | None:
    """Return what went wrong with a web server: fsspec says of all of it that there is no such file."""
    cause = error.__cause__
    is_web = cause is not None and type(cause).__module__.partition(".")[0] == "aiohttp"
    return cause if is_web and getattr(cause, "status", None) not in _MISSING else None


def read_range(address: str, start: int, size: int) -> bytes:
    """Return `size` bytes of a remote file from `start` on, in one request; InputError: it cannot be read."""
    store, path = filesystem(address)
    data = attempt(address, lambda: bytes(store.cat_file(path, start=start, end=start + size)))
    if len(data) > size:
        raise InputError(f"{shown(address)}: the server sends whole files only: copy it here first")
    return data


def read_remote(address: str, size: int | None) -> bytes:
    """Return all bytes of a remote file, in one request; `size` is what a listing says, None: nothing is known.

    LimitError: more than MAX_BYTES; InputError: it cannot be read.
    """
    store, path = filesystem(address)
    if size is None:
        data = attempt(address, lambda: _beginning(store, path, is_web=address.lower().startswith("http")))
        size = len(data)
    elif size <= MAX_BYTES:
        data = attempt(address, lambda: bytes(store.cat_file(path)))
    if size > MAX_BYTES:
        raise LimitError(f"{shown(address)}: more than {MAX_BYTES >> 20} MiB: scale the picture down")
    return data


def _beginning(store: AbstractFileSystem, path: str, *, is_web: bool) -> bytes:
    """Return at most one byte more than is allowed: an answer of a web server may have no end."""
    if not is_web:
        return bytes(store.cat_file(path, start=0, end=MAX_BYTES + 1))
    parts, room = [], MAX_BYTES + 1
    with store.open(path, "rb", block_size=0, size=room) as stream:  # so that nothing is asked about its size first
        while room > 0 and (part := stream.read(min(room, 2**20))):
            parts.append(part)
            room -= len(part)
    return b"".join(parts)


def entries_below(address: str) -> dict[str, tuple[str, int | None]]:
    """Return address and size of every file below a remote folder by its path there; InputError: no such folder."""
    store, path = filesystem(address)
    found: dict[str, dict[str, Any]] = attempt(address, lambda: store.find(path, detail=True))
    root = path.rstrip("/")
    below = {}
    for name, entry in found.items():
        inner = name.removeprefix(root).lstrip("/")
        if inner and not name.endswith("/"):
            size = entry.get("size")
            below[inner] = f"{address.rstrip('/')}/{inner}", size if isinstance(size, int) else None
    return below


def matching(address: str) -> list[str]:
    """Return the addresses that a pattern with * in it stands for, in the order of their names."""
    store, path = filesystem(address)
    protocol = address.partition("://")[0]
    found = attempt(address, lambda: store.glob(path))
    names = [name if is_remote(name) else f"{protocol}://{name.lstrip('/')}" for name in found]
    return sorted(names)
