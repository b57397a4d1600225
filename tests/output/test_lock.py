"""The lock of an output folder (milliseconds; a lock that dies with its process: tests/cli/test_places.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vitexplain.errors import OutputError
from vitexplain.output.lock import locked


def test_one_at_a_time_and_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "out"):
            assert (tmp_path / "out" / "lock").read_text() == f"{os.getpid()}\n"
            with pytest.raises(OutputError, match=f"process {os.getpid()}"), locked(tmp_path / "out"):
                pass


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "lock").symlink_to("mine")
    with pytest.raises(OutputError, match="cannot write"), locked(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "mine"
