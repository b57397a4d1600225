"""How a command uses the processors: threads that wait do not spin, and there is one for each core."""

from __future__ import annotations

import os
from pathlib import Path

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables with which users say how OpenMP waits, and how many threads it has."""


def wait_passively() -> None:
    """Let OpenMP's threads sleep where they wait, unless the environment says how they wait; before torch is imported.

    By default they spin. With other work on the cores that takes a multiple of the processor time.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ["KMP_BLOCKTIME"] = "0"


def default_threads() -> int | None:
    """Return how many threads compute where the user does not say: one a core; None if the environment says it.

    Cores that this process may not use do not count, nor does more than one thread of a core, nor what a container's
    limit leaves no time for. The load does not matter: the same call gives the same result.
    """
    if any(name in os.environ for name in _THREADS):
        return None
    try:
        usable = os.sched_getaffinity(0)
    except AttributeError:  # not on every system
        return None
    cores = len({_siblings(number) for number in usable})
    quota = _quota(Path("/sys/fs/cgroup/cpu.max"))
    return max(1, cores if quota is None else min(cores, quota))


def _siblings(number: int) -> str:
    """Return the threads of the core that processor `number` is one of."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(number)


def _quota(path: Path) -> int | None:
    """Return the whole processors that a control group allows, rounded up; None: it has no limit."""
    try:
        allowed, period = path.read_text().split()
        return -(-int(allowed) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None
