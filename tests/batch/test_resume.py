"""Killed at random moments and resumed, a batch ends as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

from tests.batch.folder_state import assert_same
from tests.batch.killing import kill_after, start
from tests.batch.mixed_files import fill
from tests.cli.command_line import command_line


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
