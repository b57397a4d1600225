"""Folders as batches write them, by the batch's own sinks, from results that no model made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.given_result import picture, result
from vitexplain.batch.inputs import Input
from vitexplain.batch.parts import Shard, cut
from vitexplain.batch.sinks.parts import PartsSink, PartWork
from vitexplain.batch.sinks.pictures import PictureFolders
from vitexplain.batch.sinks.tables import TABLES
from vitexplain.errors import InputError
from vitexplain.output import FolderDestination, WriteOptions, line, write_result
from vitexplain.output.run_folder import MANIFEST, RECORDS
from vitexplain.result import Failure

Record = dict[str, Any]


def keyed(record: Record, key: str) -> Record:
    """Return a record with the key of its picture."""
    image = record["image"]
    return {**record, "image": {"path": image["path"], "key": key, **image}}


def write_manifest(folder: Path, source: str = "photos") -> None:
    """Write what tells this batch from others."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(line({"schema": "vitexplain-batch/1", "folder": source, "version": "1"}))


def write_parts(
    folder: Path,
    units: Sequence[Sequence[str]],
    size: int = 2,
    shard: Shard | None = None,
    form: str = "jsonl",
    failing: Sequence[str] = (),
) -> list[Record]:
    """Write the parts of a shard over units of keys; return the records of all parts in their order."""
    write_manifest(folder)
    place = FolderDestination(folder)
    written: list[Record] = []
    with PartsSink(place, WriteOptions(folder), TABLES[form], PictureFolders(place)) as sink:
        for number, keys in enumerate(units):
            cuts = list(cut(number, [Input(f"photos/{key}", key) for key in keys], size))
            for part, inputs in cuts:
                if not (shard or Shard()).has(part):
                    continue
                for given in sink.inputs([PartWork(part, "", inputs, source=(len(units), len(cuts)))]):
                    if given.name in failing:
                        record = Failure(given.path, InputError("broken")).to_record()
                    else:
                        record = sink.keep(given, result(picture(given.path, seed=len(given.name))))
                    written += map(dict, sink.write(given, keyed(record, given.name)))
    return written


def write_lines(folder: Path, keys: Sequence[str]) -> list[Record]:
    """Write a folder of one growing file; return its records."""
    write_manifest(folder)
    made = [result(picture(f"photos/{key}", seed=len(key))) for key in keys]
    stems = [key.removesuffix(".jpg") for key in keys]
    options = WriteOptions(folder, record=False)
    found = [
        keyed(write_result(each, options, stem).record, key) for each, stem, key in zip(made, stems, keys, strict=True)
    ]
    (folder / RECORDS).write_bytes(b"".join(map(line, found)))
    return found
