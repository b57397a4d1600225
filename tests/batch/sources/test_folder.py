"""What of a folder is input, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.batch.mixed_files import encoded
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.batch.sources.source import aside_in_words
from vitexplain.errors import InputError, UsageError
from vitexplain.render import encode_png


def below(folder: Path, out: Path) -> list[str]:
    return [picture.name for picture in list_pictures(str(folder), out).pictures]


def put(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_every_type_in_the_order_of_bytes(tmp_path: Path) -> None:
    names = ["b.JPG", "a/z.png", "a.png", "a/\u00e9.webp", os.fsdecode(b"a/\xff.gif"), "B/c.tiff", "a b.bmp", "d.jp2"]
    for name in [*names, "notes.txt", "b.eps", "c.ps", "noending", ".jpg", "a/b.json", "movie.mpg"]:
        put(tmp_path / name)
    listing = list_pictures(str(tmp_path), tmp_path / "out")
    assert [picture.name for picture in listing.pictures] == sorted(names, key=os.fsencode)
    assert [picture.path for picture in listing.pictures] == [f"{tmp_path}/{each.name}" for each in listing.pictures]
    assert listing.skipped == 7
    assert listing.aside == {
        ".txt": 1,
        ".eps (convert them)": 1,
        ".ps (convert them)": 1,
        "without ending": 2,
        ".json": 1,
        ".mpg": 1,
    }


def test_links_to_folders_are_followed_and_no_folder_is_seen_twice(tmp_path: Path) -> None:
    put(tmp_path / "photos/real/a.png")
    put(tmp_path / "elsewhere/b.png")
    (tmp_path / "photos/a_link").symlink_to("real")
    (tmp_path / "photos/loop").symlink_to("..")
    (tmp_path / "photos/other").symlink_to("../elsewhere")
    (tmp_path / "photos/gone").symlink_to("nowhere")
    assert below(tmp_path / "photos", tmp_path / "out") == ["loop/elsewhere/b.png", "real/a.png"]


def test_what_a_run_wrote_is_no_input(tmp_path: Path) -> None:
    from PIL import Image

    put(tmp_path / "a.png", encoded("PNG", 1))
    put(tmp_path / "v1.2.png", encoded("PNG", 1))
    put(tmp_path / "a.png.rollout.png", encode_png(Image.new("RGB", (4, 4)), "0" * 64))
    put(tmp_path / "a.raw.png", encode_png(Image.new("RGB", (4, 4)), "0" * 64))
    put(tmp_path / "x.png", encode_png(Image.new("RGB", (4, 4)), "0" * 64))
    put(tmp_path / "x.json")
    put(tmp_path / "out/a.png")
    put(tmp_path / "before/manifest.json", b'{"schema": "vitexplain-batch/1"}')
    put(tmp_path / "before/deep/b.png")
    put(tmp_path / "others/manifest.json", b'{"schema": "something"}')
    put(tmp_path / "others/c.png")
    assert below(tmp_path, tmp_path / "out") == ["a.png", "others/c.png", "v1.2.png"]
    with pytest.raises(InputError, match="no picture in it"):
        list_pictures(str(tmp_path / "before"), tmp_path / "out")


def test_errors(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    with pytest.raises(UsageError, match="vitexplain run"):
        list_pictures(str(tmp_path / "a.png"), tmp_path / "out")
    with pytest.raises(InputError, match="check the name"):
        list_pictures("", tmp_path / "out")
    with pytest.raises(InputError, match="check the name"):
        list_pictures("nul\0", tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="another folder"):
        list_pictures(str(tmp_path / "link"), tmp_path)


def test_a_folder_that_cannot_be_read_is_an_input_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads everything, so the refusal of the system is injected."""
    put(tmp_path / "open/a.png")
    put(tmp_path / "closed/b.png")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    closed, opened = list_pictures(str(tmp_path), tmp_path / "out").pictures
    assert opened.problem is None
    assert closed.problem is not None and "Permission denied" in closed.problem


def test_what_is_left_aside_is_said_by_kind(tmp_path: Path) -> None:
    for name in ("a.png", "._a.png", "._b.jpg", "x.txt", "y.TXT", "z.txt", "b.eps"):
        put(tmp_path / name)
    listing = list_pictures(str(tmp_path), tmp_path / "out")
    assert [picture.name for picture in listing.pictures] == ["a.png"]
    assert aside_in_words(listing.aside) == "3 .txt, 2 ._* of macOS, 1 .eps (convert them)"
    assert aside_in_words({f".{number}": 9 - number for number in range(9)}).endswith("4 .5, 6 others")
    for path in tmp_path.glob("a.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"no picture in it \(left aside: 3 \.txt, 2 \._\* of macOS, 1 \.eps"):
        list_pictures(str(tmp_path), tmp_path / "out")
