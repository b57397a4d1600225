"""Names that are no readable file: one line each, and never a wait."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from vitexplain.errors import InputError, LimitError, UsageError
from vitexplain.images import files, open_picture
from vitexplain.images.files import read_file, shown


def test_missing_dangling_and_looping(tmp_path: Path) -> None:
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "file").write_bytes(b"x")
    for name, words in [
        ("missing.jpg", "no such file"),
        ("file/below.jpg", "no such file"),
        ("dangling.jpg", "a link to a file that does not exist"),
        ("loop.jpg", "a link that leads to itself"),
        ("n" * 300, "too long"),
        ("zero\0byte", "not a possible file name"),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            open_picture(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_directory_is_a_usage_error_that_names_batch(tmp_path: Path) -> None:
    folder = tmp_path / "x.jpg"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"x\.jpg: a directory.*vitexplain batch as an argument, not in a list"):
        open_picture(folder)


def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    with pytest.raises(InputError, match=r"a pipe \(FIFO\)"):
        open_picture(tmp_path / "fifo.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            server.bind("s.jpg")
        finally:
            os.chdir(here)
        with pytest.raises(InputError, match="a socket"):
            open_picture(tmp_path / "s.jpg")
    with pytest.raises(InputError, match="a device"):
        open_picture("/dev/zero")


def test_what_is_no_regular_file_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "fifo.jpg")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    for path in (tmp_path / "fifo.jpg", tmp_path / "link.jpg", Path("/dev/zero"), Path("/dev/stdin"), tmp_path):
        if path.is_file():
            continue  # /dev/stdin, where it is one
        with pytest.raises((InputError, UsageError)) as caught:
            read_file(path)
        assert "\n" not in str(caught.value)


def test_what_became_a_pipe_before_it_was_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "fifo.jpg")
    regular = (tmp_path / "a.jpg").stat()
    monkeypatch.setattr(os, "stat", lambda _: regular)
    with pytest.raises(InputError, match=r"a pipe \(FIFO\)"):
        read_file(tmp_path / "fifo.jpg")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    (tmp_path / "large.png").write_bytes(b"x" * 11)
    with pytest.raises(LimitError, match="11 bytes, expected at most 10"):
        read_file(tmp_path / "large.png")


@pytest.mark.parametrize("name", [b"a b.png", b"line\nbreak.png", b"quote'\".png", b"-dash.png", b"\xff\xfe.png"])
def test_odd_names_are_read_and_shown_in_one_line(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118  (a Path is no bytes)
    with open(path, "wb") as file:  # noqa: PTH123
        Image.new("RGB", (2, 2)).save(file, "PNG")
    picture = open_picture(path)
    assert picture.path is not None
    assert os.fsencode(picture.path) == path
    with open(path, "wb"):  # noqa: PTH123
        pass
    with pytest.raises(InputError) as caught:
        open_picture(path)
    assert str(caught.value).isprintable()
    str(caught.value).encode("utf-8")


def test_shown_keeps_letters_and_escapes_the_rest() -> None:
    assert shown("naïve 猫.jpg") == "naïve 猫.jpg"
    assert shown("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"
