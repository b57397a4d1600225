"""LinesWork: one growing file of records, resumed image by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from vitexplain.batch.inputs import Input
from vitexplain.batch.naming import named
from vitexplain.batch.resume import done_before
from vitexplain.batch.sinks.lines import LinesSink
from vitexplain.batch.sinks.sink import Sink
from vitexplain.batch.sources.source import Unit
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.work import Found
from vitexplain.output import WriteOptions
from vitexplain.output.run_folder import RECORDS


class LinesWork:
    """The images of all units that have no record in the folder; with `retry` also those that failed."""

    holds = RECORDS

    def __init__(self, folder: Path, units: Sequence[Unit], *, retry: bool = False) -> None:
        listings = [unit.listing() for unit in units]
        self._folder, self._retry = folder, retry
        self._inputs = tuple(chain.from_iterable(each.pictures for each in listings))
        self.aside: Counter[str] = Counter()
        for each in listings:
            self.aside.update(each.aside)
        self.total, self.done = len(self._inputs), Tally()

    def is_finished(self) -> bool:
        """Whether every image has a record."""
        return not self._left()

    @contextmanager
    def begun(self, write: WriteOptions, found: Found) -> Iterator[tuple[Sink, Iterator[Input]]]:
        """Open the file of records, and return the inputs that have none."""
        left = self._left()
        found(self.total, self.total - len(left))
        with LinesSink(write, named(self._inputs)) as sink:
            yield sink, iter(left)

    def _left(self) -> list[Input]:
        done = done_before(self._folder, retry=self._retry)
        self.done = Tally()
        self.done.add(done)
        return [each for each in self._inputs if each.path not in done.paths]
