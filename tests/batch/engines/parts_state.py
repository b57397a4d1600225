"""What a batch left in numbered parts, in a form that two runs can be compared by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def records(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the records of every part that has an entry, in the order of its table, without timings."""
    tables = sorted(path.with_suffix(".jsonl") for path in (out / "parts").glob("*.json"))
    found = {table.name: list(map(json.loads, table.read_text("ascii").splitlines())) for table in tables}
    for record in (each for table in found.values() for each in table):
        del record["seconds"]
    return found


def pictures(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every picture, by its path."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "pictures").rglob("*"))
        if path.is_file()
    }


def assert_equal(out: Path, expected: Path) -> None:
    """Both hold the same parts, with the same records and pictures, bit for bit, and no other file."""
    assert records(out) == records(expected)
    assert pictures(out) == pictures(expected)
    files, others = ({str(path.relative_to(each)) for path in each.rglob("*")} for each in (out, expected))
    assert files == others
