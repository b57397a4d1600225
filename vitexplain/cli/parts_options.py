"""The options of a batch that is written in numbered parts, by one process or by many."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.batch.parts import LARGEST_PART, Shard
from vitexplain.cli.groups import OUTPUT, Group, option

if TYPE_CHECKING:
    from vitexplain.batch.layout import Layout


@dataclass(frozen=True)
class PartsOptions(Group):
    """Which share of the parts this process does, and how large they are. Any of them asks for parts."""

    panel: ClassVar[str] = OUTPUT
    shard: str | None = option(
        None,
        "Explain share I of N only, counted from 1: N processes, on any machines, share the work. auto: as Slurm or "
        "torchrun number this process.",
        metavar="I/N|auto",
    )
    part_size: int | None = option(
        None,
        "Write numbered parts of N images, each there whole or not at all, instead of one growing file.",
        low=1,
        high=LARGEST_PART,
        metavar="N",
        expert=True,
    )

    def chosen_shard(self) -> Shard | None:
        """Return the share of this process, None for all; UsageError: it is not valid, or not known."""
        from vitexplain.batch.shards import shard_of

        return None if self.shard is None else shard_of(self.shard, os.environ)

    def layout(self, before: Layout | None, *, needed: bool = False) -> Layout | None:
        """Return the layout asked for, `before` being that of an earlier run; None: one growing file.

        `needed`: whether there must be parts, whatever was given.
        """
        from vitexplain.batch.layout import Layout

        given: dict[str, Any] = {} if self.part_size is None else {"part_size": self.part_size}
        if before is None and not given and self.shard is None and not needed:
            return None
        return replace(before or Layout(), **given)
