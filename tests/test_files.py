"""Regular files of bounded size: nothing else is opened, and the reason is given in words."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

import pytest

from vitexplain.files import UnreadableError, read_beginning, read_regular, regular_size


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"hello")
    (tmp_path / "link").symlink_to(file)
    for path in (file, str(file), os.fsencode(file), tmp_path / "link"):
        assert regular_size(path) == 5
        assert read_regular(path, 5) == b"hello"
        assert read_beginning(path, 2) == b"he"
    with pytest.raises(UnreadableError, match="5 bytes, expected at most 4") as caught:
        read_regular(file, 4)
    assert caught.value.too_large and not caught.value.directory


def test_everything_else_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "piped").symlink_to(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"")
    cases: list[tuple[str | Path, str]] = [
        (tmp_path / "fifo", "a pipe"),
        (tmp_path / "piped", "a pipe"),
        ("/dev/zero", "a device"),
        (tmp_path, "a directory"),
        (tmp_path / "nowhere", "no such file"),
        (tmp_path / "file" / "below", "no such file"),
        (tmp_path / "dangling", "a link to a file that does not exist"),
        (tmp_path / "loop", "a link that leads to itself"),
        (tmp_path / ("n" * 300), "too long"),
        ("a\0b", "not a possible file name"),
    ]
    for path, words in cases:
        for read in (regular_size, partial(read_regular, max_bytes=10), partial(read_beginning, count=10)):
            with pytest.raises(UnreadableError, match=words):
                read(path)


def test_a_socket_is_not_opened(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(UnreadableError, match="a socket"):
            read_regular(tmp_path / "s", 10)


def test_a_file_that_says_it_is_empty_is_bounded_too() -> None:
    if Path("/proc/self/status").exists():
        with pytest.raises(UnreadableError, match="more than 10 bytes") as caught:
            read_regular("/proc/self/status", 10)
        assert caught.value.too_large
