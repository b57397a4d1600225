"""The lock of an output folder (milliseconds; a lock that dies with its process: tests/cli/test_places.py)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from vitexplain.errors import OutputError
from vitexplain.output import lock
from vitexplain.output.lock import locked, locked_share


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


def test_shards_beside_each_other_but_nobody_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with locked_share(out, 1, 2) as first:
        assert first.alone
        first.share()
        with locked_share(out, 2, 2) as second:
            assert not second.alone and not second.be_alone()
            with pytest.raises(OutputError, match=f"shard 2 of 2 runs already .process {os.getpid()}"):
                locked_share(out, 2, 2).__enter__()
            with pytest.raises(OutputError, match=r"shard 1 of 2 runs there: .*same number of shards, not 3"):
                locked_share(out, 3, 3).__enter__()
            with pytest.raises(OutputError, match="shards of a vitexplain batch write there: wait until they end"):
                locked(out).__enter__()
        assert first.be_alone()
    assert [path.name for path in out.iterdir()] == ["lock"]


def test_a_shard_does_not_wait_long_for_a_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_DOUBT", 0.1)
    with locked(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()}"):
        locked_share(tmp_path, 1, 2).__enter__()
    with locked_share(tmp_path, 1, 2) as shard:
        assert shard.alone


def test_a_shard_waits_while_another_puts_the_folder_in_order(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked_share(tmp_path, 2, 2) as shard:
            order.append(f"second {shard.alone}")

    with locked_share(tmp_path, 1, 2) as first:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("in order")
        first.share()
        thread.join(10)
    assert order == ["in order", "second False"]


def test_what_a_killed_shard_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "lock-1-of-3").write_text("123\n")
    (tmp_path / "lock-1-of-2").write_text("123\n")
    with locked_share(tmp_path, 1, 2) as shard:
        assert shard.alone
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
