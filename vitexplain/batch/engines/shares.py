"""Shares: how the processors and GPUs of several machines are dealt out among processes with a model each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    if on_gpus:
        nodes = [node for node in nodes if node.gpus]
        if not nodes:
            raise UsageError(
                "`device=cuda` was asked for, but no machine of the Ray cluster has a GPU: use `device=auto`"
            )
    if count is None:
        each = threads or min([_USUAL_CPUS, *(node.cpus for node in nodes if node.cpus >= 1)])
        amounts = [node.gpus if on_gpus else node.cpus // each for node in nodes]
        count = max(1, int(sum(amounts)))
    gpus = next(share for share in _shares_from(1) if _room(nodes, 0, share) >= count) if on_gpus else 0
    most = max(node.cpus for node in nodes)
    return Shares(
        count,
        next((share for share in _shares_from(min(most, threads or most)) if _room(nodes, share, gpus) >= count), 0),
        gpus,
    )


def _shares_from(most: float) -> Iterator[float]:
    """Yield whole numbers from the largest down to 1, then a half, a third and so on."""
    yield from range(int(most), 0, -1)
    yield from (1 / number for number in range(2, 1000))


def _room(nodes: Sequence[Node], cpus: float, gpus: float) -> int:
    """Return how many shares of this size fit on the machines."""
    return sum(
        min(_times(have, share) for have, share in ((node.cpus, cpus), (node.gpus, gpus)) if share) for node in nodes
    )


def _times(have: float, share: float) -> int:
    return int(have / share + 1e-6)  # 2 / (1 / 49) is less than 98
