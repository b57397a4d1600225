"""What there is to merge: the tables of run folders of both layouts, and tables given by themselves, in their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vitexplain.batch.entries import FAMILY, LARGEST_ENTRY, PARTS, Entry, entry_name, part_in, read_entry
from vitexplain.batch.merging.tables import ENDINGS, Table
from vitexplain.batch.parts import Part
from vitexplain.errors import InputError, UsageError
from vitexplain.images.files import shown
from vitexplain.output import Destination, FolderDestination, destination_of, line
from vitexplain.output.run_folder import BATCH_SCHEMA, LARGEST_MANIFEST, MANIFEST, RECORDS, settings_in

_OF_A_RUN = ("seal", "layout", "version")
"""Settings that differ between runs of one batch."""


@dataclass
class Gathered:
    """The tables in the source's order, part by part; `missing`: names of parts that none of the folders has.

    `notes`: what is to be said of them, a sentence each.
    """

    tables: list[Table] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Batch:
    """All that is there of one batch."""

    lines: list[Table] = field(default_factory=list)
    parts: dict[tuple[int, int], list[tuple[Table, Entry]]] = field(default_factory=dict)


def gather(given: Sequence[str]) -> Gathered:
    """Return the tables in folders, and those given by themselves, .jsonl or .parquet.

    Folders with the same settings are of one batch: their parts are put in order together. InputError: there is nothing
    to read, or another version wrote it; UsageError: something else.
    """
    found = Gathered()
    batches: dict[str, _Batch] = {}
    alone: list[Table] = []
    for each in given:
        if each.endswith(ENDINGS):
            alone.append(_table(each))
            continue
        place = destination_of(each)
        name = _batch_in(place)
        _add(batches.setdefault(name, _Batch()), name, place)
    for batch in batches.values():
        found.tables += batch.lines
        for _, same in sorted(batch.parts.items()):
            found.tables += _distinct(same, found)
        found.missing += _missing(batch.parts)
    found.tables += alone
    return found


def parts_in(place: Destination) -> Gathered:
    """Return the tables of the parts in a folder, whatever wrote it, in their order."""
    batch = _Batch()
    _add_parts(batch, "", place)
    tables = [table for _, same in sorted(batch.parts.items()) for table, _ in same]
    return Gathered(tables, list(_missing(batch.parts)))


def _table(given: str) -> Table:
    above, _, name = given.rpartition("/")
    place = destination_of(above or ("/" if given.startswith("/") else "."))
    if place.size(name) is None:
        raise InputError(f"{shown(given)}: no such file: check the name")
    return Table(place, name)


def _batch_in(place: Destination) -> str:
    """Return what tells the batch in a folder from others: the digest of its settings."""
    label = shown(str(place))
    if isinstance(place, FolderDestination) and not place.folder.is_dir():
        if place.folder.exists():
            raise UsageError(f"{label}: give the folder of a batch, or a table whose name ends in .jsonl or .parquet")
        raise InputError(f"{label}: no such folder: check the name")
    data = place.get(MANIFEST, LARGEST_MANIFEST)
    settings = None if data is None else settings_in(data, BATCH_SCHEMA)
    if settings is None:
        raise InputError(f"{label}: no batch wrote there, as there is no {MANIFEST} of one: check the name")
    same = {name: value for name, value in settings.items() if name not in _OF_A_RUN}
    return hashlib.sha256(line(same)).hexdigest()


def _add(batch: _Batch, name: str, place: Destination) -> None:
    """Add what is in a folder."""
    if place.size(RECORDS):
        batch.lines.append(Table(place, RECORDS, name, growing=True))
    _add_parts(batch, name, place)


def _add_parts(batch: _Batch, name: str, place: Destination) -> None:
    for part in sorted(part for each in place.names(PARTS) if (part := part_in(each)) is not None):
        entry = read_entry(place, _started(place, part))
        if entry is not None:
            table = Table(place, entry.table, name)
            batch.parts.setdefault((part.unit, part.slice), []).append((table, entry))


def _started(place: Destination, part: Part) -> Part:
    """Return a part with its start; InputError: the entry is that of another version."""
    data = place.get(entry_name(part), LARGEST_ENTRY) or b""
    entry = Entry.decoded(data)
    if entry is not None:
        return entry.part
    try:
        schema = json.loads(data)["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return part
    if isinstance(schema, str) and schema.startswith(FAMILY):
        raise InputError(
            f"{shown(f'{place}/{entry_name(part)}')}: it has the schema '{shown(schema)}': merge with the version of "
            "vitexplain that wrote it"
        )
    return part


def _distinct(same: Sequence[tuple[Table, Entry]], found: Gathered) -> Iterator[Table]:
    """Yield the tables of one part, each that is the same, byte for byte, once."""
    seen: dict[str, Table] = {}
    for table, entry in same:
        before = seen.setdefault(entry.files[0].sha256, table)
        if before is table:
            yield table
        else:
            found.notes.append(f"{table} is the same as {before}: read once")


def _missing(parts: Mapping[tuple[int, int], Iterable[tuple[Table, Entry]]]) -> Iterator[str]:
    """Yield the names of the parts that a batch's source has, as far as its parts say, and no folder."""
    entries = [entry for same in parts.values() for _, entry in same]
    units = max([entry.source[0] for entry in entries] + [entry.part.unit + 1 for entry in entries], default=0)
    for unit in range(units):
        inside = [entry for entry in entries if entry.part.unit == unit]
        count = max([entry.source[1] for entry in inside] + [entry.part.slice + 1 for entry in inside], default=0)
        if not inside:
            yield f"all of unit {unit:05}"
        for number in range(count):
            if (unit, number) not in parts:
                yield Part(unit, number).name
