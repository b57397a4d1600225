"""Who writes into a folder: one process alone, or the shards of one batch; a lock dies with the process that holds it.

Both are flocks on the file `lock`, which stays: exclusive for one process, shared by shards, each of which holds a file
of its own exclusively, too. Descriptors are not inherited, so that no worker process keeps a lock alive.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output.run_folder import LOCK

_LONGEST = 20
"""Bytes of a lock, which holds the number of a process."""

_STARTING = b"starting"
"""What stands in the lock while the first shard puts the folder in order."""

_PATIENCE, _DOUBT = 60.0, 2.0
"""Seconds that a shard waits for that, and for a lock which a run alone seems to hold."""


@contextmanager
def locked(folder: Path) -> Iterator[Lock]:
    """Hold the folder's lock alone; OutputError if another process writes there."""
    descriptor = _opened(folder, LOCK)
    try:
        if not _taken(descriptor, folder / LOCK, alone=True):
            raise _busy(folder, descriptor)
        _sign(descriptor)
        _remove_left(folder)
        yield Lock(descriptor, folder, alone=True)
    finally:
        os.close(descriptor)


@contextmanager
def locked_share(folder: Path, number: int, count: int) -> Iterator[Lock]:
    """Hold the folder's lock beside other shards of `count`; OutputError if this one runs, or any other process.

    It is held alone at first, if no other shard runs, until `share` is called.
    """
    own = f"{LOCK}-{number}-of-{count}"
    descriptors = [_opened(folder, LOCK)]
    try:
        lock = Lock(descriptors[0], folder, alone=False)
        lock.alone = lock.acquire_any()
        if lock.alone:
            _remove_left(folder)
        _require_no_others(folder, count)
        while not descriptors[1:] or not _is_at(folder / own, descriptors[-1]):  # removed by one that just ended
            descriptors.append(_opened(folder, own))
            if not _taken(descriptors[-1], folder / own, alone=True):
                raise OutputError(
                    f"{shown(str(folder))}: shard {number} of {count} runs already (process "
                    f"{_owner(descriptors[-1])}): wait until it ends, or give another folder with `folder=`"
                )
        _sign(descriptors[-1])
        try:
            yield lock
        finally:
            with suppress(OSError):
                (folder / own).unlink(missing_ok=True)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


class Lock:
    """A lock that is held; `alone`: no other process writes into the folder."""

    def __init__(self, descriptor: int, folder: Path, *, alone: bool) -> None:
        self._descriptor, self._folder = descriptor, folder
        self.alone = alone

    def share(self) -> None:
        """Let other shards in."""
        if self.alone:
            self.alone = False
            _write(self._descriptor, b"")
            self._wait(alone=False)

    def be_alone(self) -> bool:
        """Take the lock alone if no other shard runs, and return whether that is so."""
        # Where it is refused, the kernel may have let the shared lock go.
        self.alone = self.alone or self._take(alone=True)
        if not self.alone:
            self._wait(alone=False)
        return self.alone

    def acquire_any(self) -> bool:
        """Take the lock, alone if that can be; return whether it is."""
        return self._wait(alone=True)

    def _wait(self, *, alone: bool) -> bool:
        began = time.monotonic()
        while True:
            if alone and self._take(alone=True):
                _write(self._descriptor, _STARTING)
                return True
            if self._take(alone=False):
                return False
            patience = _DOUBT if _owner(self._descriptor).isdecimal() else _PATIENCE
            if time.monotonic() - began > patience:
                raise _busy(self._folder, self._descriptor)
            time.sleep(0.02)

    def _take(self, *, alone: bool) -> bool:
        return _taken(self._descriptor, self._folder / LOCK, alone=alone)


def _opened(folder: Path, name: str) -> int:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        raise OutputError(
            f"cannot write {shown(str(path))}: {error.strerror}; give another folder with `folder=`"
        ) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST:
        os.close(descriptor)
        raise OutputError(
            f"{shown(str(path))} is not the lock of a batch: remove it, or give another folder with `folder=`"
        )
    return descriptor


def _taken(descriptor: int, path: Path, *, alone: bool) -> bool:
    """Take an flock without waiting; False: another process has it."""
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OutputError(
            f"cannot lock {shown(str(path))}: {error.strerror}; give a folder on a local disk with `folder=`"
        ) from error
    return True


def _require_no_others(folder: Path, count: int) -> None:
    """Raise OutputError if a shard of another number of shards runs: its parts would be other ones."""
    for path in _of_shards(folder):
        if path.name.endswith(f"-of-{count}") or not path.is_file() or path.is_symlink():
            continue
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not _taken(descriptor, path, alone=False):
                raise OutputError(
                    f"{shown(str(folder))}: shard {path.name.removeprefix(f'{LOCK}-').replace('-', ' ')} runs there: "
                    f"wait until it ends, or give the same number of shards, not {count}"
                )
        finally:
            os.close(descriptor)


def _of_shards(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob(f"{LOCK}-*-of-*")) if re.fullmatch(rf"{LOCK}-\d+-of-\d+", path.name)]


def _remove_left(folder: Path) -> None:
    """Remove the files of killed shards, while no shard runs."""
    for path in _of_shards(folder):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open is still the one at this path."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    _write(descriptor, f"{os.getpid()}\n".encode("ascii"))


def _write(descriptor: int, words: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, words, 0)


def _owner(descriptor: int) -> str:
    return os.pread(descriptor, _LONGEST, 0).decode("ascii", "replace").strip()


def _busy(folder: Path, descriptor: int) -> OutputError:
    owner = _owner(descriptor)
    if owner.isdecimal():
        who = f"another vitexplain batch (process {owner}) writes there: wait until it ends"
    else:
        who = "shards of a vitexplain batch write there: wait until they end"
    return OutputError(f"{shown(str(folder))}: {who}, or give another folder with `folder=`")
