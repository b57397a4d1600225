"""PartsSink: numbered parts, each of which is there whole, with its entry, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from vitexplain.batch.entries import PARTS, Entry, Stored, entry_name
from vitexplain.batch.inputs import Input
from vitexplain.batch.naming import named
from vitexplain.batch.parts import Part
from vitexplain.batch.sinks.pictures import PartPictures, Pictures
from vitexplain.batch.sinks.sink import Record
from vitexplain.batch.sinks.tables import Table
from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output import Destination, WriteOptions, contents_of, with_drawn
from vitexplain.output.run_folder import MANIFEST
from vitexplain.result import Result


@dataclass(frozen=True)
class PartWork:
    """A part and what is left of it. `inputs`: all its pictures, of the unit called `unit`.

    `before`: the entry of an earlier run that did the part, and `kept` its records that stay, by key. `elsewhere`: the
    keys of images that are done outside of the parts. `source`: how many units the source has, and how many parts this
    one.
    """

    part: Part
    unit: str
    inputs: Sequence[Input]
    before: Entry | None = None
    kept: Mapping[str, Record] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    source: tuple[int, int] = (0, 0)

    @cached_property
    def left(self) -> tuple[Input, ...]:
        """The inputs that have no record yet."""
        return tuple(each for each in self.inputs if each.name not in self.kept and each.name not in self.elsewhere)

    @cached_property
    def stems(self) -> Mapping[str, str]:
        """What the files of each input are called, by its key; the same whatever is left."""
        return named(self.inputs)


class PartsSink:
    """Writes the parts that it is told of by `inputs`, in any number at a time.

    A part's table is written when its last record arrives, its entry after that. `keep` may be called from several
    threads.
    """

    def __init__(self, destination: Destination, write: WriteOptions, table: Table, pictures: Pictures) -> None:
        self._destination, self._options = destination, write
        self._table, self._pictures = table, pictures
        self._lock = threading.Lock()
        self._open: dict[str, _OpenPart] = {}

    def inputs(self, works: Iterable[PartWork]) -> Iterator[Input]:
        """Yield the inputs that are left of each part, and expect their results."""
        for work in works:
            made = _OpenPart(work, self._destination, self._pictures)
            with self._lock:
                self._open |= {each.name: made for each in work.left}
            yield from work.left

    def check(self) -> None:
        """Raise OutputError if the folder was removed or replaced: its manifest is gone."""
        if self._destination.size(MANIFEST) is None:
            raise OutputError(
                f"{shown(str(self._destination))} was removed while it was written: run the same command again to "
                "write all of it"
            )

    def keep(self, given: Input, result: Result) -> Record:
        """Store the files of the result among the part's pictures."""
        made = self._open[given.name]
        stem = made.work.stems[given.name]
        try:
            pictures = made.pictures()
            found = contents_of(result, self._options, pictures.prefix + stem, scores=pictures.scores + stem)
            found = replace(found, record=with_drawn(found.record, found.drawn))
            pictures.put(stem, found)
        except OutputError:
            self.check()  # where everything was removed, that is the reason
            raise
        return found.record

    def write(self, given: Input, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Add one record; with the last of its part, write the part and return its new records."""
        with self._lock:
            made = self._open.pop(given.name)
        made.records[given.name] = record
        if len(made.records) < len(made.work.left):
            return ()
        try:
            self._commit(made)
        except OutputError:
            made.discard()
            raise
        return [made.records[each.name] for each in made.work.left]

    def close(self) -> None:
        """Remove the pictures of the parts that are not whole."""
        with self._lock:
            unfinished = {id(each): each for each in self._open.values()}
            self._open.clear()
        for each in unfinished.values():
            each.discard()

    def __enter__(self) -> PartsSink:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _commit(self, made: _OpenPart) -> None:
        work = made.work
        self.check()
        stored = made.pictures().finish()
        found = {**work.kept, **made.records}
        records = [found[each.name] for each in work.inputs if each.name in found]
        table = f"{PARTS}/part-{work.part.name}{self._table.ending}"
        data = self._table.encode(records)
        self._destination.put(table, data)
        files = (Stored.of(table, data), *stored)
        entry = Entry.of(work.part, work.unit, work.inputs, records, files, work.source)
        self._destination.put(entry_name(work.part), entry.encoded())


class _OpenPart:
    """A part in hand: its records so far, and its pictures, which are cleared before the first is added."""

    def __init__(self, work: PartWork, destination: Destination, place: Pictures) -> None:
        self.work = work
        self.records: dict[str, Mapping[str, Any]] = {}
        self._destination, self._place = destination, place
        self._begun: PartPictures | None = None
        self._lock = threading.Lock()

    def pictures(self) -> PartPictures:
        """Return the place of its pictures; an earlier entry says from now on that the part is being done again."""
        with self._lock:
            if self._begun is None:
                if self.work.before is not None:
                    again = replace(self.work.before, again=True)
                    self._destination.put(entry_name(self.work.part), again.encoded())
                self._begun = self._place.begin(
                    self.work.part, [name for record in self.work.kept.values() for name in file_names_in(record)]
                )
            return self._begun

    def discard(self) -> None:
        """Remove the pictures that were added."""
        if self._begun is not None:
            self._begun.discard()


def file_names_in(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the files in a record that a run of this batch wrote."""
    for explanation in record.get("explanations", ()):
        yield from explanation.get("files", {}).values()
