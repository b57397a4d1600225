"""Kill a batch with SIGKILL at a random moment, as a machine that fails would."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Protocol

from vitexplain.output.run_folder import RECORDS


class Started(Protocol):
    """What of a subprocess.Popen is needed to kill it."""

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
    """Kill the process when up to `most` records more are there, or a moment later; return its code if it ended before.

    Some of the kills come while the run is still being prepared.
    """
    aim = _lines(out) + rng.randrange(most)
    while process.poll() is None and _lines(out) <= aim:
        time.sleep(0.002)
    time.sleep(rng.choice([0, rng.random() / 50]))
    process.send_signal(signal.SIGKILL)
    stderr = process.stderr
    assert stderr is not None
    code = process.wait(30)
    with stderr:
        said = stderr.read()
    assert b"Traceback" not in said, said.decode()
    return None if code == -signal.SIGKILL else code


def _lines(out: Path) -> int:
    try:
        return (out / RECORDS).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
