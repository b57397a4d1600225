"""Entry: the small file that is written last of a part, and without which nothing of the part counts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from vitexplain import __version__
from vitexplain.batch.inputs import Input
from vitexplain.batch.parts import Part, keys_digest, sound
from vitexplain.batch.tally import Tally
from vitexplain.output import Destination, line

PARTS = "parts"
"""The folder of the tables and of their entries."""

FAMILY = "vitexplain-part/"
"""How the schema of an entry begins, whatever its version."""

SCHEMA = f"{FAMILY}1"

LARGEST_ENTRY = 16 * 2**20
"""Bytes of an entry; what is longer is none."""


class Stored(NamedTuple):
    """One whole file of a part: its name below the output folder, its size in bytes, and their SHA-256."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> Stored:
        """Return what identifies these bytes under this name."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Entry:
    """What a part holds. `unit`: the name of its unit; `images`: how many pictures the source has in it, without those
    that stand for what cannot be listed.

    `records`: how many of them are in its table, which is the first of `files`; the others were in `records.jsonl`
    before. `keys`: the digest of their keys. `notices`: of how many images each notice is true, `truths`: of how many
    each verdict on the first prediction. `again`: images that had failed were being tried again; what that left is
    removed, and they are tried again. `source`: how many units the source had then, and how many parts this one, 0
    where that is not known.
    """

    part: Part
    unit: str
    images: int
    records: int
    failed: int
    keys: str
    files: tuple[Stored, ...]
    notices: Mapping[str, int] = field(default_factory=dict)
    truths: Mapping[str, int] = field(default_factory=dict)
    again: bool = False
    source: tuple[int, int] = (0, 0)
    version: str = __version__

    @classmethod
    def of(
        cls,
        part: Part,
        unit: str,
        inputs: Sequence[Input],
        records: Sequence[Mapping[str, Any]],
        files: Iterable[Stored],
        source: tuple[int, int] = (0, 0),
    ) -> Entry:
        """Return the entry of a part of these inputs with these records."""
        tally, listed = Tally(), sound(inputs)
        for record in records:
            tally.count(record)
        return cls(
            part,
            unit,
            len(listed),
            len(records),
            tally.failed,
            keys_digest(listed),
            tuple(files),
            dict(tally.notices),
            dict(tally.truths),
            source=source,
        )

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.files[0].name

    def tally(self) -> Tally:
        """Return its counts."""
        return Tally(
            self.records - self.failed, self.failed, notices=Counter(self.notices), truths=Counter(self.truths)
        )

    def encoded(self) -> bytes:
        """Return the entry's file."""
        values = {**asdict(self), "part": self.part.name, "start": self.part.start}
        values["files"] = [each._asdict() for each in self.files]
        return line({"schema": SCHEMA, **values})

    @classmethod
    def decoded(cls, data: bytes) -> Entry | None:
        """Return what `encoded` wrote; None for anything else."""
        try:
            values = json.loads(data)
            if values.pop("schema") != SCHEMA:
                return None
            unit, number = map(int, values.pop("part").split("-"))
            units, parts = values.get("source", (0, 0))
            values |= {
                "part": Part(unit, number, int(values.pop("start"))),
                "files": tuple(Stored(each["name"], each["size"], each["sha256"]) for each in values["files"]),
                "source": (int(units), int(parts)),
            }
            entry = cls(**values)
            return entry if entry._is_valid() else None
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return None

    def _is_valid(self) -> bool:
        """Whether its values are of their kinds, and its files below the folder."""
        counts = [self.images, self.records, self.failed, *self.notices.values(), *self.truths.values()]
        counts += [each.size for each in self.files]
        words = [
            self.unit,
            self.keys,
            self.version,
            *(word for each in self.files for word in (each.name, each.sha256)),
        ]
        return (
            bool(self.files)
            and isinstance(self.again, bool)
            and all(type(each) is int and each >= 0 for each in counts)
            and all(isinstance(each, str) for each in words)
            and not any({"", "..", "."} & {*each.name.split("/")} for each in self.files)
        )


def entry_name(part: Part) -> str:
    """Return the name of a part's entry."""
    return f"{PARTS}/part-{part.name}.json"


def read_entry(destination: Destination, part: Part) -> Entry | None:
    """Return the part's entry; None unless there is one and its files are of the size that it says."""
    data = destination.get(entry_name(part), LARGEST_ENTRY)
    entry = None if data is None else Entry.decoded(data)
    if entry is None or entry.part != part or any(destination.size(each.name) != each.size for each in entry.files):
        return None
    return entry


def part_in(name: str) -> Part | None:
    """Return the part, without its start, whose entry has this name; None: it is no entry's."""
    start, ending = f"{PARTS}/part-", ".json"
    numbers = name.removeprefix(start).removesuffix(ending).split("-")
    if not (name.startswith(start) and name.endswith(ending)) or len(numbers) != 2:
        return None
    return Part(*map(int, numbers)) if all(each.isdecimal() and len(each) >= 5 for each in numbers) else None
