"""Pictures gathered into batches of one size in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from vitexplain.batch.inputs import Input
from vitexplain.batch.reading import AHEAD_BYTES, size_of
from vitexplain.batch.worker import Read

LONGEST_WAIT = 8
"""A picture of a rare shape waits for others of its size for at most this many batches of inputs."""


@dataclass(frozen=True, eq=False)
class Item:
    """A picture that waits for its batch: `index` is its place among the inputs."""

    index: int
    given: Input
    read: Read


@dataclass(frozen=True, eq=False)
class Group:
    """Images of one size for one forward pass, and the number to which they are padded."""

    items: tuple[Item, ...]
    padded: int

    def alone(self, item: Item) -> Group:
        """Return the group of one of its images, padded to the same number: its scores are the same."""
        return Group((item,), self.padded)

    def halves(self) -> list[Group]:
        """Return the images in batches padded to half the number."""
        size = self.padded // 2
        return [Group(self.items[start : start + size], size) for start in range(0, len(self.items), size)]

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of the images' pixels."""
        return self.items[0].read.pixels.shape


class Groups:
    """The pictures that wait, by the size of their pixels.

    Crops and squashed pictures are all of one size and are padded to the batch size. Whole pictures have many sizes,
    some of which occur only once: these are padded to the next power of two.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._limits: dict[tuple[int, ...], int] = {}
        self._waiting: dict[tuple[int, ...], list[Item]] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        """Whether any picture waits."""
        return bool(self._waiting)

    def add(self, item: Item) -> None:
        """Let a picture wait."""
        self._waiting.setdefault(item.read.pixels.shape, []).append(item)
        self._bytes += size_of(item.read)

    def limit(self, shape: tuple[int, ...], most: int) -> None:
        """Let no batch of this size in pixels have more than `most` images from now on."""
        self._limits[shape] = most

    def ready(self, index: int) -> Group | None:
        """Return a full batch, or the oldest one if it has waited too long or the memory is full."""
        for shape, items in self._waiting.items():
            if len(items) >= self._most(shape):
                return self._take(shape)
        first = self._longest()
        if first is None:
            return None
        waited = index - self._waiting[first][0].index
        if waited >= LONGEST_WAIT * self._batch_size or self._bytes >= AHEAD_BYTES:
            return self._take(first)
        return None

    def oldest(self) -> Group | None:
        """Return the batch whose first picture has waited longest, full or not; None when nothing waits."""
        first = self._longest()
        return None if first is None else self._take(first)

    def _longest(self) -> tuple[int, ...] | None:
        return min(self._waiting, key=lambda shape: self._waiting[shape][0].index, default=None)

    def _most(self, shape: tuple[int, ...]) -> int:
        return min(self._batch_size, self._limits.get(shape, self._batch_size))

    def _take(self, shape: tuple[int, ...]) -> Group:
        waiting, most = self._waiting.pop(shape), self._most(shape)
        items = waiting[:most]
        if waiting[most:]:  # the limit is new
            self._waiting[shape] = waiting[most:]
        self._bytes -= sum(size_of(item.read) for item in items)
        whole = items[0].read.view.kind == "whole"
        padded = 1 << (len(items) - 1).bit_length() if whole else most
        return Group(tuple(items), padded)
