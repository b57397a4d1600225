"""Part: a numbered slice of a source, the unit of work that is there whole, with its entry, or not at all.

A part's number is its unit's number and the slice's within that unit, so that every process, shard and engine cuts the
same source into the same parts without asking another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vitexplain.batch.inputs import Input

PART_SIZE = 500
"""Pictures of a part, where nothing else is said; a killed run loses no more work than that."""

LARGEST_PART = 10_000
"""So that no folder of overlays holds more files."""


@dataclass(frozen=True, order=True)
class Part:
    """Slice `slice` of unit `unit`, both counted from 0; `start`: the place of its first picture in the unit."""

    unit: int
    slice: int
    start: int = 0

    @property
    def name(self) -> str:
        """Return what its files are called."""
        return f"{self.unit:05}-{self.slice:05}"


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, counted from 1: every `count`-th part."""

    number: int = 1
    count: int = 1

    def has(self, part: Part) -> bool:
        """Whether the part is this shard's. Many units of one part and one unit of many are both dealt out evenly."""
        return (part.unit + part.slice) % self.count == self.number - 1


def cut(unit: int, inputs: Sequence[Input], size: int) -> Iterator[tuple[Part, Sequence[Input]]]:
    """Yield the parts of a unit, each with its pictures; the last may be shorter."""
    for number, start in enumerate(range(0, len(inputs), size)):
        yield Part(unit, number, start), inputs[start : start + size]


def sound(inputs: Sequence[Input]) -> Sequence[Input]:
    """Return the pictures without those that stand for what cannot be listed: what they hide may follow later."""
    return [each for each in inputs if each.problem is None]


def keys_digest(inputs: Sequence[Input]) -> str:
    """Return the SHA-256 of the pictures' keys in their order: a part made of others is no longer this source's."""
    return hashlib.sha256("\0".join(each.name for each in inputs).encode("utf-8", "surrogatepass")).hexdigest()
