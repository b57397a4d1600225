"""The entry of a part: read back as it was written; anything else is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vitexplain.batch.entries import Entry, Stored, entry_name, part_in, read_entry
from vitexplain.batch.inputs import Input
from vitexplain.batch.parts import Part
from vitexplain.output import FolderDestination

PART = Part(3, 12, 6000)
TABLE = b"table"
GOOD = {"image": {"path": "a", "key": "a"}, "explanations": [], "notices": ["it is dark"]}
BAD = {"image": {"path": "b", "key": "b"}, "error": {"type": "InputError", "message": "b: no picture"}}


@pytest.fixture
def entry() -> Entry:
    """The entry of two images, one of which failed."""
    inputs = [Input("a", "a"), Input("b", "b")]
    return Entry.of(PART, "x.tar", inputs, [GOOD, BAD], [Stored.of("parts/part-00003-00012.jsonl", TABLE)])


def test_it_says_what_the_part_holds(entry: Entry) -> None:
    assert (entry.images, entry.records, entry.failed, entry.notices) == (2, 2, 1, {"it is dark": 1})
    assert (entry.tally().explained, entry.tally().failed) == (1, 1)
    assert Entry.decoded(entry.encoded()) == entry
    assert json.loads(entry.encoded())["part"] == "00003-00012"


def test_it_counts_only_beside_the_files_that_it_names(tmp_path: Path, entry: Entry) -> None:
    destination = FolderDestination(tmp_path)
    assert read_entry(destination, PART) is None
    destination.put(entry_name(PART), entry.encoded())
    assert read_entry(destination, PART) is None
    destination.put(entry.table, TABLE)
    assert read_entry(destination, PART) == entry
    assert read_entry(destination, Part(3, 12, 100)) is None
    destination.put(entry.table, TABLE + b"\n")
    assert read_entry(destination, PART) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "vitexplain-part/2"},
        {"part": "3"},
        {"part": 3},
        {"files": []},
        {"files": [{"name": "a"}]},
        {"files": [{"name": "../a", "size": 1, "sha256": ""}]},
        {"files": [{"name": "/a", "size": 1, "sha256": ""}]},
        {"files": [{"name": 1, "size": 1, "sha256": ""}]},
        {"files": [{"name": "a", "size": "1", "sha256": ""}]},
        {"images": -1},
        {"start": float("inf")},
        {"source": [1]},
        {"records": "2"},
        {"notices": {"a": "b"}},
        {"notices": None},
        {"more": 1},
        {"keys": None},
    ],
)
def test_a_damaged_one_is_none(entry: Entry, change: dict[str, Any]) -> None:
    values = json.loads(entry.encoded())
    assert Entry.decoded(json.dumps({**values, **change}).encode()) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_entry_is_none(data: bytes) -> None:
    assert Entry.decoded(data) is None


def test_names() -> None:
    assert entry_name(PART) == "parts/part-00003-00012.json"
    assert part_in(entry_name(PART)) == Part(3, 12)
    assert part_in("parts/part-123456-00001.json") == Part(123456, 1)
    for other in ("parts/part-00003-00012.jsonl", "parts/part-3-12.json", "part-00003-00012.json", "parts/a.json"):
        assert part_in(other) is None
