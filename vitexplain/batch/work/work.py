"""The port of the work in every layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from vitexplain.batch.inputs import Input
from vitexplain.batch.sinks.sink import Sink
from vitexplain.batch.tally import Tally
from vitexplain.output import WriteOptions

Found = Callable[[int, int], None]
"""Called with the number of images that are known, and how many of them are done, whenever more are."""


class Work(Protocol):
    """What a run has to do in one layout.

    `holds`: the name of what holds the records. `done`: the counts of what earlier runs left; `aside`: the files that
    are no pictures, by kind; `total`: the number of images. These three grow while the source is listed. Errors are
    OutputError, or UsageError if the source has changed.
    """

    holds: str
    done: Tally
    aside: Counter[str]
    total: int

    def is_finished(self) -> bool:
        """Whether nothing is left to do; otherwise it may be found out without listing everything."""

    def begun(self, write: WriteOptions, found: Found) -> AbstractContextManager[tuple[Sink, Iterator[Input]]]:
        """Return where results go, and the inputs that are left, which may be listed in other threads."""
