"""The port of every source: units in their order, each of which lists its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vitexplain.batch.inputs import Input

_MOST_KINDS = 6


def whole(source: Source) -> Listing:
    """Return the pictures of all units of a source as one listing."""
    listings = [unit.listing() for unit in source.units()]
    aside: Counter[str] = Counter()
    for each in listings:
        aside.update(each.aside)
    return Listing(tuple(picture for each in listings for picture in each.pictures), aside)


@dataclass(frozen=True)
class Listing:
    """Pictures in the source's order, and how many other files there are of each kind."""

    pictures: tuple[Input, ...]
    aside: Mapping[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        """How many files are left aside."""
        return sum(self.aside.values())


def aside_in_words(aside: Mapping[str, int]) -> str:
    """Return how many files of each kind are left aside, the most frequent first."""
    kinds = sorted(aside.items(), key=lambda each: (-each[1], each[0]))
    more = sum(count for _, count in kinds[_MOST_KINDS:])
    words = [f"{count:,} {kind}" for kind, count in kinds[:_MOST_KINDS]]
    return ", ".join([*words, *([f"{more:,} others"] if more else [])])


def and_aside(aside: Mapping[str, int]) -> str:
    """Return what follows "no picture in it": what there is instead."""
    return f" (left aside: {aside_in_words(aside)})" if aside else ""


class Unit(Protocol):
    """What is listed in one go: all files of the folders given, one tar, one table. It can be pickled.

    `name` is the container's key in the source, "" for the files.
    """

    @property
    def name(self) -> str:
        """The container's key."""

    def listing(self) -> Listing:
        """Return its pictures, without reading them; InputError or the like if it cannot be listed.

        A container that is damaged, among several, is one picture with a problem: it does not end the run.
        """


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

    @property
    def given(self) -> tuple[str, ...]: ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What of it the manifest keeps beside `given`, as JSON values: what is left out, where the labels are."""

    def units(self) -> Sequence[Unit]:
        """Return the units, always in the same order, without opening them."""
