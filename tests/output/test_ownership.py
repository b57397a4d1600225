"""Whose file is it? Only what carries the hash of the same input is replaced unasked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitexplain.errors import OutputError
from vitexplain.output import input_of, line, require_own
from vitexplain.render import encode_png, end_mark

OURS, OTHER = "ab" * 32, "cd" * 32


def outputs(folder: Path, sha256: str) -> list[Path]:
    """Write one output of each kind and return the paths."""
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(encode_png(Image.new("RGB", (9, 9)), sha256))
    with (folder / "a.npy").open("wb") as file:
        np.save(file, np.eye(3))
        file.write(end_mark(sha256))
    (folder / "a.json").write_bytes(line({"schema": "vitexplain/1", "image": {"path": "a", "sha256": sha256}}))
    (folder / "a.svg").write_text(f'<?xml version="1.0"?>\n<!-- vitexplain:{sha256} -->\n<svg/>')
    return sorted(folder.iterdir())


def test_every_kind_of_output_names_its_input(tmp_path: Path) -> None:
    paths = outputs(tmp_path, OURS)
    assert [input_of(path) for path in paths] == [OURS] * 4
    require_own(paths, OURS, overwrite=False)
    for path in paths:
        with pytest.raises(OutputError, match=r"belongs to another input: nothing was written; .*`overwrite=True`"):
            require_own([path], OTHER, overwrite=False)
        require_own([path], OTHER, overwrite=True)


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.json", "a.svg"])
@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1]", b'{"schema": "vitexplain/1", "image": 3}', b"\x89PNG", b"[" * 99999, b'{"image": {}}']
)
def test_anything_else_is_foreign(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert input_of(path) is None
    with pytest.raises(OutputError) as caught:
        require_own([path], OURS, overwrite=False)
    assert caught.value.exit_code == 6


def test_links_folders_and_pipes_are_foreign_and_never_waited_for(tmp_path: Path) -> None:
    own = outputs(tmp_path / "own", OURS)[2]
    link, pipe, folder = tmp_path / "link.png", tmp_path / "pipe.png", tmp_path / "folder.png"
    link.symlink_to(own)
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (link, pipe, folder):
        assert input_of(path) is None
        with pytest.raises(OutputError):
            require_own([path], OURS, overwrite=False)
    with pytest.raises(OutputError, match="a folder has that name"):
        require_own([folder], OURS, overwrite=True)


def test_a_file_that_is_not_there_is_nobodys(tmp_path: Path) -> None:
    require_own([tmp_path / "missing.png", tmp_path / "no" / "folder.png"], OURS, overwrite=False)


def test_numpy_reads_a_marked_array(tmp_path: Path) -> None:
    path = outputs(tmp_path, OURS)[1]
    assert (np.load(path) == np.eye(3)).all()
    assert (np.load(path, mmap_mode="r") == np.eye(3)).all()
