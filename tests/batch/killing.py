"""Kill a batch, or one of its reading processes, with SIGKILL at a random moment, as a machine that fails would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from vitexplain.batch.sinks.pictures import PICTURES
from vitexplain.output.run_folder import RECORDS


class Started(Protocol):
    """What of a subprocess.Popen is needed to kill it."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def stderr(self) -> IO[bytes] | None:
        """What the process says."""

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""

    def send_signal(self, number: signal.Signals, /) -> None:
        """Send a signal."""

    def wait(self, timeout: float, /) -> int:
        """Return the exit code when it ends."""


def start(folder: Path, out: Path, model: Path, *more: object) -> subprocess.Popen[bytes]:
    """Start `vitexplain batch` in a process of its own."""
    command = [sys.executable, "-m", "vitexplain", "batch", folder, "-o", out, "--model", model, "-q", *more]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_after(process: Started, out: Path, rng: random.Random, most: int) -> int | None:
    """Kill the process when up to `most` images more are done, or a moment later; return its code if it ended before.

    Some of the kills come while the run is still being prepared.
    """
    _wait(process, out, rng, most)
    time.sleep(rng.choice([0, rng.random() / 50]))
    process.send_signal(signal.SIGKILL)
    stderr = process.stderr
    assert stderr is not None
    code = process.wait(30)
    with stderr:
        said = stderr.read()
    assert b"Traceback" not in said, said.decode()
    return None if code == -signal.SIGKILL else code


def kill_reader_after(process: Started, out: Path, rng: random.Random, most: int) -> bool:
    """Kill a reading process of the batch as `kill_after` kills the batch; return whether one was there."""
    _wait(process, out, rng, most)
    time.sleep(rng.random() / 50)
    readers = _readers(process.pid)
    if readers:
        with suppress(ProcessLookupError):
            os.kill(rng.choice(readers), signal.SIGKILL)
    return bool(readers)


def _wait(process: Started, out: Path, rng: random.Random, most: int) -> None:
    aim = _done(out) + rng.randrange(most)
    while process.poll() is None and _done(out) <= aim:
        time.sleep(0.002)


def _done(out: Path) -> int:
    """Return how many lines of the growing file, or pictures of parts, are there."""
    found = 0
    with suppress(FileNotFoundError):
        found += (out / RECORDS).read_bytes().count(b"\n")
    return found + sum(len(files) for _, _, files in os.walk(out / PICTURES))


def _readers(process: int) -> list[int]:
    """Return the processes that read pictures for a batch."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(each) for each in path.read_text().split()]
    return [each for each in found if b"spawn_main" in _command(each)]


def _command(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""
