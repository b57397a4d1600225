"""The port of every source: units in their order, each of which lists its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vitexplain.batch.inputs import Input


@dataclass(frozen=True)
class Listing:
    """Pictures in the source's order, and how many other files there are of each kind."""

    pictures: tuple[Input, ...]
    aside: Mapping[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        """How many files are left aside."""
        return sum(self.aside.values())


class Unit(Protocol):
    """What is listed in one go: all files of the folders given, one tar, one table. It can be pickled.

    `name` is the container's key in the source, "" for the files.
    """

    @property
    def name(self) -> str:
        """The container's key."""

    def listing(self) -> Listing:
        """Return its pictures, without reading them; InputError or the like if it cannot be listed."""


@dataclass(frozen=True)
class Listed:
    """A unit whose pictures are listed already."""

    name: str
    found: Listing

    def listing(self) -> Listing:
        """Return its pictures."""
        return self.found


class Source(Protocol):
    """Everything that one call explains. `given`: how it was given, which the manifest keeps."""

    given: tuple[str, ...]

    def units(self) -> Sequence[Unit]:
        """Return the units, always in the same order, without opening them."""
