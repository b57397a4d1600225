"""The records of the same files as a folder, as a tar and as a table, without what must differ."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.batch.mixed_files import NO_FILES, WAYS, fill
from tests.batch.sources.containers import table_at
from tests.cli.command_line import Ended, command_line

FILE_WAYS = [name for name in WAYS if name not in NO_FILES]


def write_all(place: Path, good: int, bad: int) -> Mapping[str, Path]:
    """Write the files, in the same order everywhere, and return each kind of source."""
    folder = place / "photos"
    names = sorted((name for each in fill(folder, good, bad, FILE_WAYS) for name in each), key=os.fsencode)
    with tarfile.open(place / "photos.tar", "w") as archive:
        for name in names:
            archive.add(folder / name, name)
    with tarfile.open(place / "photos.tgz", "w:gz") as archive:
        for name in names:
            archive.add(folder / name, name)
    (place / "photos.list").write_bytes(b"\0".join(os.fsencode(folder / name) for name in names))
    found = {"folder": folder, "tar": place / "photos.tar", "tar.gz": place / "photos.tgz"}
    try:
        column = [{"bytes": (folder / name).read_bytes(), "path": name} for name in names]
        return {**found, "table": table_at(place / "photos.parquet", {"image": column}, 100)}
    except ImportError:
        return found


def explain(source: Path, out: Path, model: Path) -> Ended:
    """Run `batch` over a source."""
    return command_line("batch", source, "-o", out, "--model", model, "-m", "raw", "--workers", 1, "--quiet")


def records(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a batch without its times, and with `x` in the place of every name of a picture."""
    for text in (out / "records.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(text)
        path, key = record["image"].pop("path"), record["image"].pop("key")
        assert path.endswith(f"/{key}")
        del record["seconds"]
        if "error" in record:
            record["error"]["message"] = record["error"]["message"].replace(path, "x")
        for each in record.get("explanations", ()):
            assert all((out / file).is_file() for file in each["files"].values())
            del each["files"]
        yield record
