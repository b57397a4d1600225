"""A Ray cluster to work on: the one that answers at an address, or one on this machine alone that leaves nothing."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from vitexplain.errors import MissingExtraError, ModelError, UsageError
from vitexplain.images.files import shown

_STORE_BYTES = 256 * 2**20
"""Ray's store of objects on this machine. Only lists of pictures and counts pass through it."""

_LONGEST_TEMPORARY = 15
"""Characters of the temporary folder: the paths of Ray's sockets in it, 92 more, must not have more than 107."""

_PREFIX, _OWNED, _FILES = "vitexplain-ray-", "owned", "ray"
"""The folder's name, the file that is locked while it is used, and the folder in it that Ray opens to everyone."""

_PATIENCE = 10.0, 30.0
"""Seconds that an address may take to answer at all, and to answer as Ray does, which has to be imported first."""

_WAITING = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME")
"""Variables that say how threads wait, which are read when a process loads torch."""

_ADDRESS = re.compile(r"(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")

_PROBE = """
import logging, sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except BaseException as error:
    print(" ".join(str(error).split()), file=sys.stderr)
    sys.exit(1)
"""


def require_ray() -> None:
    """Raise MissingExtraError if Ray Data is not installed."""
    missing = [name for name in ("ray", "pyarrow") if find_spec(name) is None]
    if missing:
        words = "ray and pyarrow, which are" if missing[1:] else f"{missing[0]}, which is"
        raise MissingExtraError(f"`engine=ray` needs {words} not installed: pip install 'vitexplain[ray]'")


def require_answer(address: str) -> None:
    """Raise ModelError if no Ray cluster answers at `HOST:PORT`, or auto; UsageError: it is no such address.

    Ray is asked in a process of its own: where nothing answers, or something else does, it ends its process.
    """
    if address != "auto":
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise UsageError(
                f"`ray_address={shown(address)}` is not valid: expected HOST:PORT of the cluster's head (no ray://), "
                "or auto, on one of the cluster's machines"
            )
        try:
            socket.create_connection((found["host"].strip("[]"), int(found["port"])), _PATIENCE[0]).close()
        except (OSError, OverflowError) as error:
            raise _unanswered(address, str(error)) from None
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    probe = [sys.executable, "-c", _PROBE, address]
    try:
        ended = subprocess.run(
            probe, env={**os.environ, **quiet}, capture_output=True, text=True, timeout=_PATIENCE[1], errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise _unanswered(address, "it does not speak as Ray does") from None
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-1:] or ["it does not speak as Ray does"]
        raise _unanswered(address, said[0])


@contextmanager
def cluster(address: str | None, *, cpus: int | None, logs: bool) -> Iterator[Any]:
    """Return the module ray, connected to the cluster at the address, or to one of this machine with `cpus`.

    With `logs`, Ray says on stderr what it does. Nothing is reported to Ray's makers in either case.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise Ray announces that this will change
    if not logs:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    terminate = signal.getsignal(signal.SIGTERM)
    if address is not None:
        # Processes of this machine alone inherit them.
        waiting = {name: os.environ[name] for name in _WAITING if name in os.environ}
        with _connected(logs, address=address, runtime_env={"env_vars": waiting}) as ray:
            signal.signal(signal.SIGTERM, terminate)  # Ray puts its own there
            yield ray
        return
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # otherwise one is written to the home folder
    os.environ.setdefault("RAY_worker_niceness", "0")  # otherwise they give way to everything else on this machine
    with _temporary_folder() as folder:
        local = {
            "address": "local",
            "num_cpus": cpus,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_temp_dir": folder,
        }
        with _connected(logs, **local) as ray:
            signal.signal(signal.SIGTERM, terminate)
            yield ray


@contextmanager
def _connected(logs: bool, **options: Any) -> Iterator[Any]:
    import ray
    import ray.data

    level = logging.INFO if logs else logging.CRITICAL
    logging.getLogger("ray.data").setLevel(level)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = logs
    private = ray._private.worker
    # Ray prints what happens to its machines on stdout, whatever it is told.
    printed = private.print_worker_logs
    private.print_worker_logs = lambda data, _file, *more: printed(data, sys.stderr, *more) if logs else None
    try:
        try:
            with nullcontext() if logs else _muted():
                ray.init(log_to_driver=logs, logging_level=level, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            if options["address"] == "local":
                raise
            raise _unanswered(options["address"], " ".join(str(error).split())) from None
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()
        private.print_worker_logs = printed


@contextmanager
def _muted() -> Iterator[None]:
    """Discard what is written to stderr, also by Ray's C++ part, which says there that it will say less."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """Return a folder for Ray's files, which is removed at the end, as are those that killed runs left."""
    place = tempfile.gettempdir()
    place = place if len(place) <= _LONGEST_TEMPORARY else "/tmp"
    for left in Path(place).glob(f"{_PREFIX}*"):
        with suppress(OSError), (left / _OWNED).open("rb") as owned:
            fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    with _owned(folder):
        try:
            yield str(folder / _FILES)
        finally:
            _remove(folder)


def _owned(folder: Path) -> IO[bytes]:
    """Return the open file whose lock says that a process uses the folder."""
    file = (folder / _OWNED).open("wb")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _remove(folder: Path) -> None:
    """Remove the folder; processes that are just ending may still write there."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _unanswered(address: str, why: str) -> ModelError:
    return ModelError(
        f"no Ray cluster answers at {shown(address)} ({shown(why[:200])}): check that it runs ('ray status' there) "
        "and that this is one of its machines, or leave `ray_address=` out to use this machine alone"
    )
