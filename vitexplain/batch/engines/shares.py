"""Shares: how the processors and GPUs of several machines are dealt out among processes with a model each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitexplain.errors import UsageError

_USUAL_CPUS = 4
"""Processors of a share, where nothing else is said: with more of them a small model gains little."""


@dataclass(frozen=True)
class Node:
    """One machine's processors and GPUs."""

    cpus: float
    gpus: float = 0


@dataclass(frozen=True)
class Shares:
    """Processes, and what each of them has; below 1: several have one together."""

    count: int
    cpus: float
    gpus: float = 0


def dealt_out(nodes: Sequence[Node], count: int | None, *, on_gpus: bool, threads: int | None = None) -> Shares:
    """Return the shares for these machines: `count` of them, or by default one for each GPU or for each 4 processors.

    `on_gpus`: the model is to run on them. `threads`: the processors that each is to have. UsageError: there is no GPU.
    """
    gpus = sum(node.gpus for node in nodes) if on_gpus else 0
    if on_gpus and not gpus:
        raise UsageError("`device=cuda` was asked for, but no machine of the Ray cluster has a GPU: use `device=auto`")
    if count is None:
        smallest = min((node.cpus for node in nodes if node.cpus >= 1), default=1)
        each = threads or min(_USUAL_CPUS, smallest)
        count = int(gpus) if gpus else max(1, sum(int(node.cpus // each) for node in nodes))
    each_cpus = _fitting([node.cpus for node in nodes], count, threads)
    return Shares(count, each_cpus, _fitting([node.gpus for node in nodes], count, 1) if gpus else 0)


def _fitting(amounts: Sequence[float], count: int, most: int | None) -> float:
    """Return the largest share, a whole number or a fraction 1/N, of which `count` fit on the machines."""
    each = int(min(max(amounts), most or max(amounts)))
    while each > 1 and sum(int(amount // each) for amount in amounts) < count:
        each -= 1
    of_one = 1
    while sum(int(amount) for amount in amounts) * of_one < count:
        of_one += 1
    return each if of_one == 1 else 1 / of_one
