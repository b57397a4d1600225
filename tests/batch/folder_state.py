"""What a batch left in its folder, in a form that two runs can be compared by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema

from vitexplain.batch.manifest import LOCK, MANIFEST, RECORDS
from vitexplain.output import schema

_VALIDATOR = jsonschema.Draft202012Validator(schema("record"))


def records(out: Path) -> list[dict[str, Any]]:
    """Return the records in the order of the file, each one valid."""
    found = [json.loads(line) for line in (out / RECORDS).read_text("ascii").splitlines()]
    for record in found:
        _VALIDATOR.validate(record)
    return found


def by_path(out: Path) -> dict[str, dict[str, Any]]:
    """Return the records by path, without timings; no path may be there twice."""
    found: dict[str, dict[str, Any]] = {}
    for record in records(out):
        path = record["image"]["path"]
        assert path not in found, f"{path} is there twice"
        found[path] = {key: value for key, value in record.items() if key != "seconds"}
    return found


def pictures(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but the batch's own three, by its path below the folder."""
    own = {LOCK, MANIFEST, RECORDS}
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and str(path.relative_to(out)) not in own
    }


def overlays(out: Path) -> set[str]:
    """Return the files that the records name."""
    return {
        file
        for record in records(out)
        for explanation in record.get("explanations", ())
        for file in explanation["files"].values()
    }
