"""What is found in an output folder is checked before it is believed: one line, or the work is done again."""

from __future__ import annotations

import json
import os
import resource
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from vitexplain.batch.manifest import SCHEMA, Manifest
from vitexplain.batch.opening import run_folder
from vitexplain.batch.resume import Done
from vitexplain.errors import OutputError, UsageError, VitexplainError
from vitexplain.output import input_of, line

SETTINGS = Manifest({"schema": SCHEMA, "methods": {"rollout": {}}, "top_k": 5})
SHA = "ab" * 32
DEEP = '{"a":' * 50_000 + "1" + "}" * 50_000
DIGITS = "1" * 10_000


def sparse(path: Path, size: int) -> None:
    """Make a file that claims `size` bytes and takes none."""
    with path.open("wb") as file:
        file.truncate(size)


NO_FILE: dict[str, Callable[[Path], object]] = {
    "pipe": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("/nowhere/at/all"),
    "link to itself": lambda path: path.symlink_to(path.name),
}
if os.geteuid() == 0:
    NO_FILE["device"] = lambda path: os.mknod(path, 0o20666, os.makedev(1, 5))

NO_RECORDS: dict[str, Callable[[Path], object]] = {
    "huge": lambda path: sparse(path, 40 << 30),
    "malformed": lambda path: path.write_bytes(b'\xff\xfe{"a"\n'),
    "digits": lambda path: path.write_text(f'{{"image": {{"path": "a"}}, "x": {DIGITS}}}\n'),
    "deep": lambda path: path.write_text(f'{{"image": {{"path": "a"}}, "x": {DEEP}}}\n'),
    "number": lambda path: path.write_text('{"image": {"path": "a"}, "explanations": 5}\n'),
    "texts": lambda path: path.write_text('{"image": {"path": "a"}, "explanations": ["b"]}\n'),
    "list of files": lambda path: path.write_text('{"image": {"path": "a"}, "explanations": [{"files": [1]}]}\n'),
    "number as file": lambda path: path.write_text('{"image": {"path": "a"}, "explanations": [{"files": {"a": 7}}]}\n'),
    "zero byte": lambda path: path.write_text(
        '{"image": {"path": "a"}, "explanations": [{"files": {"a": "\\u0000", "b": "\\ud800"}}]}\n'
    ),
    "long name": lambda path: path.write_bytes(
        line({"image": {"path": "a"}, "explanations": [{"files": {"a": "b" * 5000}}]})
    ),
}


def opened(folder: Path, restart: bool = False) -> Done:
    """Put a folder in order as `batch` does, within a second and 200 MB; return what is done in it."""
    tracemalloc.start()
    before = time.perf_counter()
    try:
        with run_folder(folder, SETTINGS, [], restart=restart) as done:
            return done
    finally:
        assert time.perf_counter() - before < 5  # on a busy machine
        assert tracemalloc.get_traced_memory()[1] < 200e6
        tracemalloc.stop()


def refused(folder: Path) -> VitexplainError:
    with pytest.raises(OutputError) as caught:
        opened(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return caught.value


@pytest.mark.parametrize("kind", NO_FILE)
@pytest.mark.parametrize("name", ["manifest.json", "records.jsonl", "lock"])
def test_something_that_is_no_file_is_refused_and_left(tmp_path: Path, name: str, kind: str) -> None:
    opened(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    NO_FILE[kind](tmp_path / name)
    error = refused(tmp_path)
    assert name in str(error) and "give another folder with `folder=`" in str(error)
    assert os.path.lexists(tmp_path / name)


@pytest.mark.parametrize("kind", NO_RECORDS)
@pytest.mark.parametrize("restart", [False, True])
def test_records_that_are_none_count_nothing(tmp_path: Path, kind: str, restart: bool) -> None:
    opened(tmp_path)
    NO_RECORDS[kind](tmp_path / "records.jsonl")
    assert opened(tmp_path, restart) == Done(frozenset(), 0, 0)
    assert not (tmp_path / "records.jsonl").exists() or not (tmp_path / "records.jsonl").read_bytes()


@pytest.mark.parametrize("kind", ["huge", "malformed", "digits", "deep", "number"])
def test_a_manifest_that_is_none_is_refused_and_left(tmp_path: Path, kind: str) -> None:
    NO_RECORDS[kind](tmp_path / "manifest.json")
    assert "is not a batch's manifest" in str(refused(tmp_path))
    assert (tmp_path / "manifest.json").exists()


def test_settings_of_any_length_and_depth_are_told_in_one_short_line(tmp_path: Path) -> None:
    for value in ("x" * 500_000, [["y"] * 100_000], json.loads("[" * 900 + "]" * 900)):
        changes: list[dict[str, object]] = [{"top_k": value}, {"methods": {"z" * 500_000: {}}}]
        for settings in changes:
            (tmp_path / "manifest.json").write_text(json.dumps({**SETTINGS.settings, **settings}))
            with pytest.raises(UsageError, match="other settings") as caught:
                opened(tmp_path)
            assert len(str(caught.value)) < 1000


def test_a_lock_of_somebody_elses_keeps_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("the key is under the mat, in the shed")
    assert "is not the lock of a batch: remove it" in str(refused(tmp_path))
    assert (tmp_path / "lock").read_text().startswith("the key")
    (tmp_path / "lock").unlink()
    opened(tmp_path)


def test_whose_a_record_is_needs_its_start_only(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(line({"schema": "vitexplain/1", "image": {"path": "\udce9" * 4096 + '"', "sha256": SHA}}))
    assert input_of(path) == SHA
    for content in (DEEP, DIGITS, "[1,", '{"schema": "vitexplain/1", "image": {"sha256": 5}}'):
        path.write_text(content)
        assert input_of(path) is None
    with path.open("wb") as file:
        file.write(line({"schema": "vitexplain/1", "image": {"path": None, "sha256": SHA}, "scores": []}))
        file.truncate(200 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert input_of(path) == SHA
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
