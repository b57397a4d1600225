"""One process at a time writes into a folder; the lock dies with the process that holds it, however it dies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output.run_folder import LOCK

_LONGEST = 20
"""Bytes of a lock, which holds the number of a process."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, an flock on its file `lock`, which stays; OutputError if another process holds it.

    The descriptor is not inherited, so that no worker process keeps the lock alive.
    """
    import fcntl

    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        raise OutputError(
            f"cannot write {shown(str(path))}: {error.strerror}; give another folder with `folder=`"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST:
            raise OutputError(
                f"{shown(str(path))} is not the lock of a batch: remove it, or give another folder with `folder=`"
            )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, _LONGEST).decode("ascii", "replace").strip()
            raise OutputError(
                f"{shown(str(folder))}: another vitexplain batch (process {owner}) writes there: wait until it ends, "
                "or give another folder with `folder=`"
            ) from None
        except OSError as error:
            raise OutputError(
                f"cannot lock {shown(str(path))}: {error.strerror}; give a folder on a local disk with `folder=`"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
