"""Killed at random moments and resumed, a batch ends as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

from tests.batch.folder_state import assert_same
from tests.batch.killing import kill_after, kill_reader_after, start
from tests.batch.mixed_files import fill
from tests.cli.command_line import command_line
from vitexplain.output.run_folder import LOCK, MANIFEST


def test_killed_twice(tmp_path: Path, tiny_model: Path) -> None:
    """Each start of a process takes seconds; fifty kills over 500 files are tests/benchmarks/kill_and_resume.py."""
    folder, out, undisturbed = tmp_path / "photos", tmp_path / "out", tmp_path / "undisturbed"
    fill(folder, 70, 10)
    given = ("--batch-size", 4, "--workers", 1)
    rng = random.Random(1)
    for _ in range(2):
        assert kill_after(start(folder, out, tiny_model, *given), out, rng, most=20) is None
    assert command_line("batch", folder, "-o", out, "--model", tiny_model, *given).code == 1
    assert command_line("batch", folder, "-o", undisturbed, "--model", tiny_model, *given).code == 1
    assert_same(out, undisturbed)


def test_shards_killed_beside_each_other_with_their_reading_processes(tmp_path: Path, tiny_model: Path) -> None:
    folder, out, undisturbed = tmp_path / "photos", tmp_path / "out", tmp_path / "undisturbed"
    fill(folder, 70, 10)
    given = ("--batch-size", 4, "--part-size", 8)
    rng = random.Random(2)
    both = [start(folder, out, tiny_model, *given, "--workers", 1, "--shard", f"{number}/2") for number in (1, 2)]
    assert kill_after(both[0], out, rng, most=20) is None
    assert kill_reader_after(both[1], out, rng, most=3)
    again = start(folder, out, tiny_model, *given, "--workers", 1, "--shard", "1/2")
    for shard in (again, both[1]):
        assert shard.stderr is not None
        with shard.stderr as said:
            assert b"Traceback" not in said.read()
        assert shard.wait(120) == 1
    assert {path.name for path in out.iterdir()} == {LOCK, MANIFEST, "parts", "pictures"}
    assert command_line("batch", folder, "-o", undisturbed, "--model", tiny_model, *given).code == 1
    assert_same(out, undisturbed)
