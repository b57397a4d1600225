"""PartsWork: numbered parts of a source, resumed part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

from vitexplain.batch.entries import PARTS, Entry, entry_name, part_in, read_entry
from vitexplain.batch.inputs import Input
from vitexplain.batch.layout import Layout
from vitexplain.batch.manifest import start_again
from vitexplain.batch.parts import Part, Shard, cut, keys_digest, sound
from vitexplain.batch.resume import Done
from vitexplain.batch.sinks.packed import PictureTars, ScoreArchives
from vitexplain.batch.sinks.parts import PartsSink, PartWork, file_names_in
from vitexplain.batch.sinks.pictures import PictureFolders, Pictures
from vitexplain.batch.sinks.sink import Record, Sink
from vitexplain.batch.sinks.tables import TABLES
from vitexplain.batch.sources.source import Unit
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.work import Found
from vitexplain.errors import OutputError, UsageError
from vitexplain.images.files import shown
from vitexplain.output import Destination, WriteOptions


class PartsWork:
    """The parts of a shard that have no entry, or whose images changed; with `retry` also those with failed images.

    `elsewhere`: what is done outside of the parts, in one growing file.
    """

    holds = PARTS

    def __init__(
        self,
        destination: Destination,
        units: Sequence[Unit],
        layout: Layout,
        shard: Shard,
        *,
        retry: bool = False,
        elsewhere: Done | None = None,
    ) -> None:
        self.destination, self.units = destination, units
        self._count = len(units)
        self._layout, self._shard, self._retry = layout, shard, retry
        self._elsewhere = elsewhere or Done(frozenset(), 0, 0)
        self._table = TABLES[layout.format]
        self.done, self.aside, self.total = Tally(), Counter[str](), 0

    def is_finished(self) -> bool:
        """Whether every part of the shard is whole; stops at the first that is not."""
        return next(self.left(lambda _total, _done: None), None) is None

    @contextmanager
    def begun(self, write: WriteOptions, found: Found) -> Iterator[tuple[Sink, Iterator[Input]]]:
        """Return the sink of the parts, and their inputs that are left, unit by unit."""
        with self.sink(write) as sink:
            yield sink, sink.inputs(self.left(found))

    def sink(self, write: WriteOptions) -> PartsSink:
        """Return where the parts go."""
        return PartsSink(self.destination, write, self._table, self._pictures(write))

    def _pictures(self, write: WriteOptions) -> Pictures:
        kind = PictureTars if self._layout.overlays == "tar" else PictureFolders
        pictures: Pictures = kind(self.destination)
        return ScoreArchives(self.destination, pictures) if write.npy else pictures

    def left(self, found: Found) -> Iterator[PartWork]:
        """Yield the parts that are to be done, in the order of the source, and count those that are done."""
        there = self.there()
        for number, unit in enumerate(self.units):
            for work in self.left_of(number, unit, {each for each in there if each[0] == number}):
                found(self.total, self.done.explained + self.done.failed)
                if work.left:
                    yield work

    def there(self) -> set[tuple[int, int]]:
        """Begin to count, and return the parts that have an entry; UsageError: one is of a unit that is not there."""
        self.forget()
        self.done.notices.update(self._elsewhere.notices)
        self.done.truths.update(self._elsewhere.truths)
        there = {(part.unit, part.slice) for name in self.destination.names(PARTS) if (part := part_in(name))}
        self._require_no_more(there, (len(self.units), 0))
        return there

    def forget(self) -> None:
        """Begin to count at 0."""
        self.done, self.aside, self.total = Tally(), Counter(), 0

    def without_units(self) -> PartsWork:
        """Return the same work for a machine that is told of its units one by one, counting from 0."""
        other = copy(self)
        other.units = ()
        other.forget()
        return other

    def left_of(self, number: int, unit: Unit, there: Collection[tuple[int, int]]) -> Iterator[PartWork]:
        """Yield every part of unit `number`, with nothing left if it is done, and count it; `there` have an entry."""
        listing = unit.listing()
        self.aside.update(listing.aside)
        cuts = list(cut(number, listing.pictures, self._layout.part_size))
        self._require_no_more(there, (number, len(cuts)))
        mine = [(part, inputs) for part, inputs in cuts if self._shard.has(part)]
        self.total += sum(len(inputs) for _, inputs in mine)
        for part, inputs in mine:
            work = self._work(part, unit.name, inputs, has_entry=(part.unit, part.slice) in there)
            yield replace(work, source=(self._count, len(cuts)))

    def made(self, work: PartWork) -> list[Record] | None:
        """Return the records of what was left of a part, if it is whole by now, done by another process; else None."""
        entry = read_entry(self.destination, work.part)
        if entry is None or not self._is_whole(entry, work):
            return None
        found = self._kept(entry, work) or {}
        left = [found[each.name] for each in work.left if each.name in found]
        return left if len(left) == len(work.left) else None

    def _work(self, part: Part, unit: str, inputs: Sequence[Input], *, has_entry: bool) -> PartWork:
        """Return what is left of a part, and count what is not."""
        work = PartWork(part, unit, inputs, elsewhere=self._count_elsewhere(inputs))
        entry = read_entry(self.destination, part) if has_entry else None
        if entry is not None and self._is_whole(entry, work):
            self.done.add(entry.tally())
            return replace(work, inputs=())
        kept = None if entry is None else self._kept(entry, work)
        if kept is None:
            if has_entry:  # which must not count again when the part's files are others
                self.destination.remove(entry_name(part))
            return work
        for each in kept.values():
            self.done.count(each)
        return replace(work, before=entry, kept=kept)

    def _count_elsewhere(self, inputs: Sequence[Input]) -> frozenset[str]:
        """Return the keys of the inputs that are done outside of the parts, and count them."""
        found = [each for each in inputs if each.path in self._elsewhere.paths]
        failed = sum(each.path in self._elsewhere.failures for each in found)
        self.done.failed += failed
        self.done.explained += len(found) - failed
        return frozenset(each.name for each in found)

    def _is_whole(self, entry: Entry, work: PartWork) -> bool:
        """Whether nothing of a part is left to do; UsageError if it is of other images than its source has now."""
        now = sound(work.inputs)
        if entry.keys != keys_digest(now):
            grown = entry.images < len(now)
            if not grown or entry.keys != keys_digest(now[: entry.images]):
                raise self._changed(entry.part, f"{entry.images:,} images then, {len(now):,} now")
            return False
        is_complete = entry.records + len(work.elsewhere) >= len(work.inputs)
        return is_complete and not (entry.failed and (entry.again or self._retry))

    def _kept(self, entry: Entry, work: PartWork) -> dict[str, Record] | None:
        """Return the records of a part's table that stay, by key; None if it cannot be read."""
        try:
            records = self._table.decode(self.destination.get(entry.table, entry.files[0].size) or b"")
            found = {str(record["image"]["key"]): record for record in records}
        except (OutputError, KeyError, TypeError):
            return None
        retry = self._retry or entry.again
        return {
            key: record
            for key, record in found.items()
            if _is_named(record, work.stems.get(key)) and not (retry and "error" in record)
        }

    def _require_no_more(self, there: Iterable[tuple[int, int]], end: tuple[int, int]) -> None:
        """Raise UsageError if there is a part at or after the end of the source, or of a unit."""
        beyond = min((each for each in there if each >= end), default=None)
        if beyond is not None:
            raise self._changed(Part(*beyond), "it has fewer images now")

    def _changed(self, part: Part, how: str) -> UsageError:
        return UsageError(
            f"the source has changed since part {part.name} in {shown(str(self.destination))} was made ({how}): only "
            "new images at its end can follow; give the same source, another `folder=`, or "
            f"{start_again(self.destination, sharded=self._shard.count > 1)}"
        )


def _is_named(record: Mapping[str, Any], stem: str | None) -> bool:
    """Whether a record is of an input whose files would be called the same now."""
    return stem is not None and all(f"/{stem}." in name for name in file_names_in(record))
