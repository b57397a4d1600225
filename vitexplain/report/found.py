"""What a run folder holds: records, what the judge found, figures; and what of it cannot be read, in words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitexplain.batch.merging.gathered import parts_in
from vitexplain.errors import InputError, LimitError, UsageError, VitexplainError
from vitexplain.files import UnreadableError, read_regular, regular_size
from vitexplain.images.files import shown
from vitexplain.output import FolderDestination, input_of, read_lines
from vitexplain.output.run_folder import BATCH_SCHEMA, JUDGED, JUDGED_SCHEMA, MANIFEST, RECORDS, read_settings
from vitexplain.result import SCHEMA, Failure, Result, dump

MOST = 20_000
"""Images of one page: a browser holds all of their scores."""

_FAMILY = "vitexplain/"
_LARGEST = 64 * 2**20
"""Bytes of a record or of the judge's tables."""

_FIGURES = (".png", ".svg", ".webp", ".gif")
_KIND = re.compile(r"\.(compare|graph|animate)[^.]*$")
_PLOTS = "evaluation."


@dataclass(frozen=True)
class Entry:
    """A record as it was written, and read: a Result, or the Failure of its image."""

    record: Mapping[str, Any]
    read: Result | Failure

    @property
    def path(self) -> str | None:
        """The picture's path as given."""
        return self.read.picture.path if isinstance(self.read, Result) else self.read.path


@dataclass
class Found:
    """What there is to show. `notes`: what is missing or left out, a sentence each.

    `figures` maps the hash of an image to the names of its figures; `plots` are those of the judge.
    """

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: Mapping[str, Any] | None = None
    judged: Mapping[str, Any] | None = None
    plots: list[str] = field(default_factory=list)
    figures: dict[str, list[str]] = field(default_factory=dict)


def read_folder(folder: Path) -> Found:
    """Return what a folder holds that `run`, `batch`, `compare`, `animate`, `graph` or `evaluate` wrote.

    UsageError: no folder; InputError: nothing in it can be shown; LimitError: more than MOST images.
    """
    if not folder.is_dir():
        if folder.exists():
            raise UsageError(f"{shown(str(folder))}: not a folder: give the one that run, batch or evaluate wrote to")
        raise InputError(f"{shown(str(folder))}: no such folder: check the name")
    found = Found(settings=read_settings(folder / MANIFEST, BATCH_SCHEMA))
    reader = _Reader(found)
    reader.read_batch(folder / RECORDS)
    reader.read_parts(folder)
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        if name.endswith(".json") and name not in (MANIFEST, JUDGED):
            reader.read_single(folder / name)
        elif name.endswith(_FIGURES):
            _add_figure(found, folder, name)
    found.judged = _judged(folder, found)
    reader.close()
    if not (found.entries or found.judged):
        raise InputError(_nothing(folder, reader))
    return found


class _Reader:
    """Reads records, and counts those that cannot be shown."""

    def __init__(self, found: Found) -> None:
        self.other_schemas: Counter[str] = Counter()
        self.damaged: list[str] = []
        self._found = found

    @property
    def notes(self) -> list[str]:
        """What was noted of the folder so far."""
        return self._found.notes

    def read_batch(self, path: Path) -> None:
        """Read the lines of a batch; a last line that is not whole is left out."""
        try:
            size = regular_size(path)
        except UnreadableError:
            return
        end = 0
        for number, (record, end) in enumerate(read_lines(path), 1):  # noqa: B007 - the last end is needed
            self._add(record, f"line {number} of {path.name}")
        if end < size:
            self._found.notes.append(
                f"{path.name}: {size - end:,} bytes after the last whole record are left out: a batch still writes "
                "there, or was stopped while it did; the same batch command resumes it."
            )

    def read_parts(self, folder: Path) -> None:
        """Read the numbered parts of a batch; those that cannot be read are left out."""
        parts = parts_in(FolderDestination(folder))
        for table in parts.tables:
            try:
                for number, record in enumerate(table.records(), 1):
                    self._add(record, f"record {number} of {shown(table.name)}")
            except InputError as error:
                self.damaged.append(str(error))
        if parts.missing:
            names = ", ".join(parts.missing[:6]) + f" and {len(parts.missing) - 6:,} more" * (len(parts.missing) > 6)
            self._found.notes.append(
                f"Parts that are missing: {names}. A batch still writes there, or was stopped while it did; the same "
                "batch command resumes it."
            )

    def read_single(self, path: Path) -> None:
        """Read the record of one image; other JSON files are left aside."""
        try:
            record = json.loads(read_regular(path, _LARGEST))
        except (UnreadableError, ValueError, RecursionError):
            return
        if isinstance(record, dict) and str(record.get("schema", "")).startswith(_FAMILY):
            self._add(record, shown(path.name))

    def _add(self, record: Mapping[str, Any], place: str) -> None:
        schema = record.get("schema")
        if schema != SCHEMA:
            self.other_schemas[str(schema)] += 1
            return
        try:
            dump(record)
            read = Failure.from_record(record) if "error" in record else Result.from_record(record)
        except (VitexplainError, RecursionError, OverflowError, ValueError) as error:
            self.damaged.append(f"{place}: {error}")
            return
        if len(self._found.entries) == MOST:
            raise LimitError(f"more than {MOST:,} records, which no browser shows well: report on smaller batches")
        self._found.entries.append(Entry(record, read))

    def close(self) -> None:
        """Note what was left out."""
        for schema, count in sorted(self.other_schemas.items()):
            self._found.notes.append(
                f"{_records(count)} of the schema '{shown(schema)}' left out: this version reads '{SCHEMA}'."
            )
        self._found.notes += [f"left out as damaged: {each}" for each in self.damaged[:20]]
        if len(self.damaged) > 20:
            self._found.notes.append(f"{len(self.damaged) - 20:,} more damaged records are left out.")


def _nothing(folder: Path, reader: _Reader) -> str:
    place = shown(str(folder))
    if reader.damaged:
        return f"{place}: no record in it can be read; {reader.damaged[0]}: write them again"
    if reader.other_schemas:
        named = ", ".join(f"'{shown(schema)}'" for schema in sorted(reader.other_schemas))
        return (
            f"{place}: its records have the schema {named}, expected '{SCHEMA}': write them with this version, or "
            "report with the one that wrote them"
        )
    if reader.notes:
        return f"{place}: {reader.notes[0].removesuffix('.')}"
    return f"{place}: no record in it: give a folder that run, batch or evaluate wrote to"


def _records(count: int) -> str:
    return f"{count:,} record{' is' if count == 1 else 's are'}"


def _add_figure(found: Found, folder: Path, name: str) -> None:
    stem = name.rpartition(".")[0]
    if name.startswith(_PLOTS):
        if input_of(folder / name) is not None:
            found.plots.append(name)
    elif _KIND.search(stem):
        sha256 = input_of(folder / name)
        if sha256 is not None:
            found.figures.setdefault(sha256, []).append(name)


def _judged(folder: Path, found: Found) -> Mapping[str, Any] | None:
    """Return the judge's tables and sentences, checked; None where there are none."""
    path = folder / JUDGED
    try:
        judged = json.loads(read_regular(path, _LARGEST))
        return _checked(judged)
    except UnreadableError:
        if (folder / "evaluation.jsonl").is_file():
            found.notes.append(
                f"no {JUDGED} beside evaluation.jsonl, so that the judge's tables are missing: run the same evaluate "
                "command again, which computes nothing twice."
            )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        found.notes.append(f"{JUDGED} cannot be read: run the same evaluate command again.")
    return None


def _checked(judged: Any) -> Mapping[str, Any]:
    """Return the judge's tables with nothing in them but text. ValueError and its like: they are something else."""
    if judged["schema"] != JUDGED_SCHEMA:
        raise ValueError
    return {
        "model": str(judged["model"]),
        "tables": [
            {
                "title": str(table["title"]),
                "columns": list(_texts(table["columns"])),
                "rows": [list(_texts(row)) for row in table["rows"]],
                "notes": list(_texts(table["notes"])),
            }
            for table in judged["tables"]
        ],
        "conclusions": list(_texts(judged["conclusions"])),
        "notices": list(_texts(judged["notices"])),
    }


def _texts(values: Any) -> Iterator[str]:
    if not isinstance(values, list):
        raise TypeError
    yield from map(str, values)
