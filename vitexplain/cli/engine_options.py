"""The options of the engine of a batch: this process alone, or Ray on one machine or many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.cli.groups import TERMINAL, Group, option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.batch.engines.shares import Shares

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class EngineOptions(Group):
    """What drives the work, and where."""

    panel: ClassVar[str] = TERMINAL
    engine: str = option(
        "local",
        "local, or ray: many processes, on the machines of a Ray cluster or on this one; they write numbered parts.",
        env=True,
        metavar="local|ray",
    )
    ray_address: str | None = option(
        None,
        "The Ray cluster, as HOST:PORT of its head, or auto on one of its machines; by default what RAY_ADDRESS says, "
        "else this machine alone.",
        metavar="HOST:PORT",
        expert=True,
    )
    concurrency: int | None = option(
        None,
        "Processes with a model each under Ray; by default one for each GPU, or for every 4 processors.",
        env=True,
        low=1,
        metavar="N",
        expert=True,
    )
    ray_logs: bool = option(False, "Show what Ray says about itself.", expert=True)

    @property
    def is_ray(self) -> bool:
        """Whether Ray does the work."""
        return self.engine == "ray"

    @property
    def address(self) -> str | None:
        """The cluster's address; None: this machine alone."""
        return self.ray_address or os.environ.get("RAY_ADDRESS") or None

    def check(self) -> None:
        """Raise UsageError for an engine that is not known, or options of another; ModelError if Ray does not answer.

        MissingExtraError: Ray is not installed.
        """
        if self.engine not in ENGINES:
            raise UsageError(f"`engine={self.engine}` is not known: expected {' or '.join(ENGINES)}")
        if not self.is_ray:
            given = {"ray_address": self.ray_address, "concurrency": self.concurrency, "ray_logs": self.ray_logs}
            for name in (name for name, value in given.items() if value):
                raise UsageError(f"`{name}=` is for Ray: add `engine=ray`, or leave it out")
            return
        from vitexplain.batch.engines.ray_cluster import require_answer, require_ray

        require_ray()
        if self.address not in (None, "local"):
            require_answer(str(self.address))

    @contextmanager
    def cluster(self, device: str, threads: int | None) -> Iterator[tuple[Any, Shares]]:
        """Return the module ray, connected, and the shares of the processes that run the model on `device`."""
        from vitexplain.batch.engines.ray import nodes_of
        from vitexplain.batch.engines.ray_cluster import cluster
        from vitexplain.batch.engines.shares import dealt_out
        from vitexplain.cli.processors import default_threads

        address = None if self.address == "local" else self.address
        with cluster(address, cpus=default_threads() or os.cpu_count(), logs=self.ray_logs) as ray:
            nodes = nodes_of(ray)
            on_gpus = device == "cuda" or (device == "auto" and any(node.gpus for node in nodes))
            yield ray, dealt_out(nodes, self.concurrency, on_gpus=on_gpus, threads=threads)
