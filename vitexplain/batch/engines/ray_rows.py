"""What Ray's machines are told, and what they say: rows of one column of bytes, as Ray Data passes them on."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vitexplain import __version__
from vitexplain.batch.sinks.parts import PartWork
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.parts import PartsWork
from vitexplain.errors import ModelError, OutputError, VitexplainError
from vitexplain.images.files import shown
from vitexplain.output.run_folder import MANIFEST

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.pipeline import Request

ROW = "row"
"""The one column."""


@dataclass(frozen=True)
class Common:
    """What every process must know. `place`: the command's current folder, to which paths are relative."""

    work: PartsWork
    place: str
    version: str

    def arrive(self) -> None:
        """Make ready for the work on this machine; ModelError: it has another version; OutputError: no such output."""
        if self.version != __version__:
            raise ModelError(
                f"machine {os.uname().nodename} has vitexplain {__version__}, not {self.version}: install the same "
                "version on all machines of the cluster"
            )
        with suppress(OSError):
            os.chdir(self.place)
        if self.work.destination.size(MANIFEST) is None:
            raise OutputError(
                f"{shown(str(self.work.destination))} is not there on machine {os.uname().nodename}: give a `folder=` "
                "that all machines of the cluster share"
            )


@dataclass(frozen=True)
class Task:
    """All that those must know which explain. `load` returns the model; `model`: what the manifest says of it.

    `whole_records`: whether the driver wants the records, and not only the counts.
    """

    load: Callable[[], LoadedModel]
    model: Mapping[str, Any]
    request: Request
    work: PartsWork
    write: WriteOptions
    pace: Pace
    whole_records: bool = False
    place: str = field(default_factory=os.getcwd)
    version: str = __version__

    @property
    def common(self) -> Common:
        """What those must know, too, that only list: they need not load torch for it."""
        return Common(self.work, self.place, self.version)


@dataclass(frozen=True)
class Found:
    """A part to do, None where there is none, and what was found since the last one: counts as PartsWork has them."""

    work: PartWork | None
    total: int
    done: Tally
    aside: Counter[str]


@dataclass(frozen=True)
class Report:
    """News of a part: `found` before all others; `errors`: of each image that came since, None if it was explained.

    `tally`: the counts of the part, once it is whole; `records`: its new records. `error` ends the run.
    """

    found: Found | None = None
    errors: tuple[str | None, ...] = ()
    tally: Tally | None = None
    records: tuple[Mapping[str, Any], ...] = ()
    error: VitexplainError | None = None


def unit_row(number: int, unit: object, there: Collection[tuple[int, int]]) -> dict[str, bytes]:
    """Return the row of a unit, of which the parts in `there` have an entry."""
    return {ROW: pickle.dumps((number, unit, there))}
