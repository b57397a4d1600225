"""A file is there whole or not at all, whatever stops the write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vitexplain.errors import OutputError
from vitexplain.output import atomic, remove_stale, require_folder, write_files


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    for data in (b"one", b"two"):
        write_files([(out / "a.png", data), (out / "sub" / "b.png", data)], out)
        assert (out / "a.png").read_bytes() == (out / "sub" / "b.png").read_bytes() == data
    assert tree(out) == ["a.png", "sub", "sub/b.png"]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_files([(tmp_path / "ours", b"")], tmp_path)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_nothing_is_left_when_a_write_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, when: int
) -> None:
    calls = iter(range(9))
    whole = atomic._write

    def half(path: Path, data: bytes) -> None:
        if next(calls) == when:
            whole(path, data[:3])
            raise stop
        whole(path, data)

    monkeypatch.setattr(atomic, "_write", half)
    (tmp_path / "old.png").write_bytes(b"old")
    files = [(tmp_path / "out" / f"{letter}.png", b"contents") for letter in "abc"]
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        write_files(files, tmp_path / "out")
    assert tree(tmp_path) == ["old.png"]
    if isinstance(caught.value, OutputError):
        assert caught.value.exit_code == 6
        assert f"{'abc'[when]}.png: No space left on device; free some space" in str(caught.value)


def test_an_existing_file_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files([(tmp_path / "a", b"old")], tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "_write", full)
    with pytest.raises(OutputError):
        write_files([(tmp_path / "a", b"new")], tmp_path)
    assert (tmp_path / "a").read_bytes() == b"old" and tree(tmp_path) == ["a"]


def test_a_real_full_device_is_an_output_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        # What _write meets there is what write_files turns into its one line.
        Path("/dev/full").write_bytes(b"x")


@pytest.mark.parametrize("place", ["file/out", "file", "dangling", "file/a/b/c"])
def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "at" / "all")
    out = tmp_path / place
    with pytest.raises(OutputError, match=r"is not a folder; .*`folder=`"):
        require_folder(out)
    with pytest.raises(OutputError, match=r"`folder=`") as caught:
        write_files([(out / "a.png", b"x")], out)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    assert tree(tmp_path) == ["dangling", "file"] and (tmp_path / "file").read_bytes() == b"kept"


def test_asking_for_a_folder_writes_nothing(tmp_path: Path) -> None:
    require_folder(tmp_path / "not" / "yet" / "there")
    require_folder(tmp_path)
    assert tree(tmp_path) == []


def test_a_place_in_a_message_stays_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_bytes(b"")
    with pytest.raises(OutputError) as caught:
        require_folder(tmp_path / "a\nb" / "out")
    assert "\n" not in str(caught.value) and "a\\nb" in str(caught.value)


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "outside")
    write_files([(tmp_path / "out" / "a", b"new")], tmp_path / "out")
    assert (tmp_path / "outside").read_bytes() == b"kept"
    assert (tmp_path / "out" / "a").read_bytes() == b"new"


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = [tmp_path / "vitexplain-12-00ff.tmp", tmp_path / "vitexplain-13-00fe.tmp"]
    kept = [tmp_path / "cat.jpg.json", tmp_path / "mine.tmp", tmp_path / "vitexplain-notes.txt"]
    for path in left + kept:
        path.write_bytes(b"")
    assert remove_stale(tmp_path) == 2
    assert tree(tmp_path) == sorted(path.name for path in kept)
    assert remove_stale(tmp_path / "missing") == 0
