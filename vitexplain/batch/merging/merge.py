"""merge: one table of many, complete and without doubles, there whole or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitexplain.batch.merging.doubles import Doubles, Keep, find_doubles
from vitexplain.batch.merging.gathered import Gathered, gather
from vitexplain.batch.merging.tables import ENDINGS, Record, Table
from vitexplain.batch.merging.writing import LinesWriter, RowsWriter
from vitexplain.errors import InputError, OutputError, UsageError
from vitexplain.images.files import shown
from vitexplain.output import Destination, FolderDestination, destination_of
from vitexplain.output.parquet_schema import arrow
from vitexplain.result import SCHEMA

_SHOWN = 6
"""Names of missing parts in a message."""


@dataclass(frozen=True)
class Merged:
    """What was written. `versions`: of how many records each version is; `notes`: what is to be said, a line each."""

    path: str
    records: int
    failed: int
    versions: dict[str, int]
    notes: tuple[str, ...]


def merge(
    given: Sequence[str],
    out: str,
    *,
    keep: Keep | None = None,
    partial: bool = False,
    overwrite: bool = False,
    begin: Callable[[str, int], None] = lambda _what, _total: None,
    advance: Callable[[], None] = lambda: None,
) -> Merged:
    """Write one table, .jsonl or .parquet, of the records in folders and tables, in the source's order.

    `keep`: which of several different records of one key stays: first, last or all. `partial`: also if parts are
    missing. `begin` is called with what is being done and how many records there are, `advance` after each of them.

    InputError: something cannot be read, is missing, or there twice; OutputError: `out` cannot be written, or exists.
    """
    if not out.endswith(ENDINGS):
        raise UsageError(f"{shown(out)}: expected the name of a table that ends in .jsonl or .parquet")
    if out.endswith(".parquet"):
        arrow()
    above, _, name = out.rpartition("/")
    place = destination_of(above or ("/" if out.startswith("/") else "."))
    found = gather(given)
    if any(_path(table.place, table.name) == _path(place, name) for table in found.tables):
        raise UsageError(f"{shown(out)} is one of the tables to merge: give another name")
    if not overwrite and place.size(name) is not None:
        raise OutputError(f"{shown(out)} already exists: give another name, or replace it with `overwrite=True`")
    notes = [*found.notes, *_missing(found, partial)]
    doubles = find_doubles(found.tables, keep)
    if not doubles.total:
        raise InputError(f"{shown(', '.join(given[:3]))}: there is no record in it: run the batch first")
    notes += _told(doubles)
    versions: Counter[str] = Counter()
    failed = 0
    begin("merging", doubles.total - len(doubles.dropped))
    spool = place.spool()
    try:
        with spool.open("wb") as file:
            writer = RowsWriter(file) if out.endswith(".parquet") else LinesWriter(file)
            for record in _records(found.tables, doubles, place):
                versions[str(record.get("version"))] += 1
                failed += "error" in record
                writer.write(record)
                advance()
            writer.close()
        place.put(name, spool)
    except OSError as error:
        raise OutputError(f"cannot write {shown(out)}: {error.strerror or error}; free some space") from error
    finally:
        spool.unlink(missing_ok=True)
    if len(versions) > 1:
        of = ", ".join(f"{version} ({count:,})" for version, count in sorted(versions.items()))
        notes.append(f"the records were written by different versions of vitexplain: {of}")
    return Merged(out, versions.total(), failed, dict(versions), tuple(notes))


def _path(place: Destination, name: str) -> str:
    """Return what is the same for all names of one file."""
    path = f"{place}/{name}"
    return os.path.realpath(path) if isinstance(place, FolderDestination) else path


def _missing(found: Gathered, partial: bool) -> list[str]:
    if not found.missing:
        return []
    names = ", ".join(found.missing[:_SHOWN])
    more = f" and {len(found.missing) - _SHOWN:,} more" if len(found.missing) > _SHOWN else ""
    words = f"parts are missing: {names}{more}"
    if partial:
        return [words]
    raise InputError(f"{words}: give the folders of all shards, run the same batch again, or give `partial=True`")


def _told(doubles: Doubles) -> Iterator[str]:
    if doubles.identical:
        yield f"{doubles.identical:,} identical records are there once"
    if doubles.failed:
        yield f"{doubles.failed:,} records of failed images are left out, as the images were explained another time"
    if doubles.other:
        yield f"{doubles.other:,} different records of the same images are left out"


def _records(tables: Sequence[Table], doubles: Doubles, place: Destination) -> Iterator[Record]:
    """Yield the records that stay, with the names of their files as they are from `place`."""
    number = -1
    for table in tables:
        prefix = _prefix(table, place)
        for record in table.records():
            number += 1
            schema = record.get("schema")
            if schema != SCHEMA:
                raise InputError(
                    f"{table}: a record of it has the schema '{shown(str(schema))}', expected '{SCHEMA}': merge with "
                    "the version of vitexplain that wrote it"
                )
            if number not in doubles.dropped:
                yield _moved(record, prefix) if prefix else record


def _prefix(table: Table, place: Destination) -> str:
    """Return what leads from the folder of the new table to that of a table's files."""
    if not isinstance(table.place, FolderDestination):
        return "" if str(table.place) == str(place) else f"{table.place}/"
    folder = os.path.abspath(table.place.folder)  # noqa: PTH100 - links stay as they were given
    if not isinstance(place, FolderDestination):
        return f"{folder}/"
    way = os.path.relpath(folder, os.path.abspath(place.folder))  # noqa: PTH100
    return "" if way == "." else f"{Path(way).as_posix()}/"


def _moved(record: Record, prefix: str) -> Record:
    """Return a record whose files have names with this prefix."""
    explanations: Any = record.get("explanations")
    if not explanations:
        return record
    moved = [
        {**each, "files": {kind: prefix + name for kind, name in each.get("files", {}).items()}}
        for each in explanations
    ]
    return {**record, "explanations": moved}
