"""Streams that are closed or full: the exit code is that of the command, and nothing else is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "vitexplain"]


def run(arguments: str, redirected: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, with its streams redirected there."""
    line = " ".join([f"'{part}'" for part in COMMAND] + [arguments, redirected])
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("arguments", "code"), [("methods", 0), ("run nowhere.jpg", 3), ("bogus", 2)])
def test_a_full_stderr_changes_neither_the_answer_nor_the_code(arguments: str, code: int) -> None:
    plain, full = run(arguments, ""), run(arguments, "2>/dev/full")
    assert plain.returncode == full.returncode == code
    assert plain.stdout == full.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_one_line_and_a_code_of_its_own() -> None:
    ended = run("methods", ">/dev/full")
    assert ended.returncode == 6
    assert ended.stderr == "error: cannot write to stdout: No space left on device; redirect it to another place\n"
    assert run("methods", ">/dev/full 2>/dev/full").returncode == 6


@pytest.mark.parametrize(("arguments", "code"), [("methods", 0), ("run nowhere.jpg --json", 3)])
def test_streams_that_were_closed(arguments: str, code: int) -> None:
    assert run(arguments, "2>&-").returncode == code
    assert run(arguments, "2>&- >&-").returncode == code


def test_a_reader_of_stderr_that_has_gone_away() -> None:
    ended = run("run nowhere.jpg", "2> >(exec true)")
    assert (ended.returncode, ended.stdout) == (3, "")
