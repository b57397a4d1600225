"""The options of a batch that is written in numbered parts, by one process or by many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.batch.parts import LARGEST_PART, Shard
from vitexplain.cli.groups import OUTPUT, Group, option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.batch.layout import Layout

OVERLAYS = ("files", "tar")


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

    format: str | None = option(
        None,
        "Kind of the tables of records: jsonl (JSON Lines), or parquet, nested columns that pandas, polars, DuckDB and "
        "datasets read.",
        metavar="jsonl|parquet",
        shown="jsonl",
    )
    overlays: str | None = option(
        None,
        "Where pictures go: files of their own, or one tar for each part, in the layout of WebDataset.",
        metavar="files|tar",
        shown="files",
    )

    def chosen_shard(self) -> Shard | None:
        """Return the share of this process, None for all; UsageError: it is not valid, or not known."""
        from vitexplain.batch.shards import shard_of

        return None if self.shard is None else shard_of(self.shard, os.environ)

    def layout(self, before: Layout | None, *, needed: bool = False) -> Layout | None:
        """Return the layout asked for, `before` being that of an earlier run; None: one growing file.

        `needed`: there must be parts, whatever was given. UsageError: there is no such kind; MissingExtraError: a
        library that it needs is not installed.
        """
        from vitexplain.batch.layout import Layout
        from vitexplain.batch.sinks.tables import TABLES

        _check("format", self.format, tuple(TABLES))
        _check("overlays", self.overlays, OVERLAYS)
        asked = {"part_size": self.part_size, "format": self.format, "overlays": self.overlays}
        given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        usual = {"format": "jsonl", "overlays": "files"}
        is_usual = all(usual.get(each) == value for each, value in given.items())
        if before is None and is_usual and self.shard is None and not needed:
            return None
        layout = replace(before or Layout(), **given)
        TABLES[layout.format].require()
        return layout


def _check(name: str, word: str | None, words: Sequence[str]) -> None:
    if word is not None and word not in words:
        raise UsageError(f"{name} '{word}' is not valid: expected {' or '.join(words)}")
