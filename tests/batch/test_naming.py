"""What the files of each input of a batch are called."""

from __future__ import annotations

from pathlib import Path

from vitexplain.batch.naming import named
from vitexplain.batch.sources.folder import list_pictures


def test_stems_are_apart_and_keep_off_the_files_of_the_batch(tmp_path: Path) -> None:
    names = ["A.png", "a.png", "lock/a.png", "manifest.json/b.png", "lock.png", "_lock/a.png", ".hidden/.a.png"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    stems = named(list_pictures(str(tmp_path), tmp_path / "out").pictures)
    assert len({stem.casefold() for stem in stems.values()}) == len(names)
    assert stems["A.png"] == "A"
    assert stems["a.png"].startswith("a-")
    assert stems["lock.png"] == "lock"
    assert stems[".hidden/.a.png"] == "_hidden/_a"
    assert not any(stem.split("/")[0] in ("lock", "manifest.json") for stem in stems.values() if "/" in stem)
