"""Threads: how they wait and how many there are, unless the environment says it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vitexplain.cli import processors
from vitexplain.cli.processors import default_threads, wait_passively

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)
    return monkeypatch


def test_waiting_is_passive_unless_the_user_says_otherwise(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE" and "KMP_BLOCKTIME" not in os.environ
    bare.delenv("OMP_WAIT_POLICY")
    wait_passively()
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["KMP_BLOCKTIME"]) == ("PASSIVE", "0")


def test_one_thread_a_core(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(processors, "_quota", lambda _: None)
    bare.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5})
    bare.setattr(processors, "_siblings", lambda number: f"{number % 4},{number % 4 + 4}")
    assert default_threads() == 2
    bare.setattr(processors, "_quota", lambda _: 1)
    assert default_threads() == 1
    bare.setenv("OMP_NUM_THREADS", "3")
    assert default_threads() is None


@pytest.mark.parametrize(
    ("text", "count"), [("150000 100000\n", 2), ("max 100000\n", None), ("50000 100000", 1), ("", None)]
)
def test_the_limit_of_a_container(tmp_path: Path, text: str, count: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert processors._quota(tmp_path / "cpu.max") == count
    assert processors._quota(tmp_path / "none") is None


def test_it_is_set_before_torch_is_imported() -> None:
    code = (
        "import os, sys\n"
        f"for name in {VARIABLES!r}: os.environ.pop(name, None)\n"
        "sys.argv = ['vitexplain', '--version']\n"
        "from vitexplain.cli.app import run_app\n"
        "try:\n    run_app()\n"
        "finally:\n    print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "PASSIVE False"
