"""What one call names, told apart, with keys that are unique; lists of sources; options that do not fit."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import keys, listed, outcome, tar_of
from vitexplain.batch.sources.given import SourceOptions, sources_of
from vitexplain.errors import InputError, UsageError

DATA = encoded("PNG", 1)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two folders, one inside another of the same name, a tar and a file."""
    for name in ("photos/a.png", "photos/birds/b.png", "more/photos/a.png", "more/c.png", "lone.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA)
    (tmp_path / "x.tar").write_bytes(tar_of([("a.png", DATA), ("birds/b.png", DATA)]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_one_source_has_the_keys_of_its_own() -> None:
    assert keys("photos") == keys("./photos/") == ["a.png", "birds/b.png"]
    assert keys("x.tar") == ["a.png", "birds/b.png"]
    assert keys("lone.png") == ["lone.png"]
    assert [each.path for each in listed("./photos/")] == ["photos/a.png", "photos/birds/b.png"]


@pytest.mark.usefixtures("here")
def test_several_have_their_names_before_them_and_keep_their_order() -> None:
    assert keys("x.tar", "photos") == ["photos/a.png", "photos/birds/b.png", "x.tar/a.png", "x.tar/birds/b.png"]
    assert keys("photos", "more/photos", "lone.png") == [
        "photos/a.png",
        "photos/birds/b.png",
        "2-photos/a.png",
        "lone.png",
    ]
    units = sources_of(["x.tar", "photos"]).units()
    assert [unit.name for unit in units] == ["", "x.tar"]


def test_every_key_and_every_path_is_there_once(here: Path) -> None:
    (here / "list").write_text("photos/a.png\nmore/photos/a.png\nmore/c.png\n./more/c.png\n../x/lone.png\nx/lone.png\n")
    (here / "deep/x.tar").mkdir(parents=True)
    (here / "deep/x.tar/a.png").write_bytes(DATA)
    given = ("photos", "more", "photos/birds", "lone.png", "x.tar", "deep/x.tar", "x.tar", "lone.png")
    found = listed(*given, listed=str(here / "list"))
    assert len({each.name for each in found}) == len({each.path for each in found}) == len(found) == 10
    assert [each.name for each in found] == [
        "photos/a.png",
        "photos/birds/b.png",
        "more/c.png",
        "more/photos/a.png",
        "x.tar/a.png",
        "lone.png",
        "x/lone.png",
        "2-x/lone.png",
        "2-x.tar/a.png",
        "2-x.tar/birds/b.png",
    ]
    (first, *_) = sources_of(given, SourceOptions(listed=str(here / "list"))).units()
    assert first.listing().aside == {"given before": 6}


def test_a_missing_file_of_a_list_costs_that_picture(here: Path) -> None:
    (here / "list").write_bytes(b"\xef\xbb\xbfphotos/a.png\r\n\n  \nmissing.png\nphotos\nlone.png")
    found = listed(listed="list")
    assert [each.name for each in found] == ["photos/a.png", "missing.png", "photos", "lone.png"]
    said = [outcome(each) for each in found]
    assert said[0] == said[3] == SHA256
    assert "missing.png: no such file" in said[1] and "a directory" in said[2]


def test_a_list_with_zero_bytes_between_names_of_any_bytes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [b"new\nline.png", b" space.png ", b"\xff.png", b"#.png"]
    for name in names:
        (here / os.fsdecode(name)).write_bytes(DATA)
    data = b"\0".join(names) + b"\0"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    found = listed(listed="-", null=True)
    assert [os.fsencode(each.path) for each in found] == names
    assert [outcome(each) for each in found] == [SHA256] * 4
    (here / "list").write_bytes(data)
    with pytest.raises(UsageError, match="zero bytes between the names: add `null=True`"):
        listed(listed="list")


def test_a_list_may_name_tars(here: Path) -> None:
    (here / "list").write_text("x.tar\nlone.png\n")
    assert keys(listed="list") == ["lone.png", "x.tar/a.png", "x.tar/birds/b.png"]


@pytest.mark.usefixtures("here")
def test_globs_and_the_parents_as_labels() -> None:
    assert keys("photos", "more", include=("a.png",)) == ["photos/a.png", "more/photos/a.png"]
    assert keys("photos", "more", exclude=("birds", "c.*")) == ["photos/a.png", "more/photos/a.png"]
    assert keys("photos/a.png", "lone.png", exclude=("photos",)) == ["lone.png"]
    assert [each.truth for each in listed("photos", "lone.png", class_from="parent")] == ["photos", "birds", None]
    assert [each.truth for each in listed("photos")] == [None, None]
    with pytest.raises(InputError, match=r"photos: no picture in it \(left aside: 2 excluded\)"):
        keys("photos", exclude=("*",))
    with pytest.raises(InputError, match=r"lone\.png: nothing is left to explain \(left aside: 1 excluded\)"):
        keys("lone.png", exclude=("*",))


def test_the_output_folder_is_no_input(here: Path) -> None:
    out = here / "photos/out"
    out.mkdir()
    (out / "x.png").write_bytes(DATA)
    assert keys("photos", out=str(out)) == keys("photos", out="photos/out") == ["a.png", "birds/b.png"]
    assert len(keys("photos")) == 3


def test_what_cannot_be_a_source(here: Path) -> None:
    (here / "empty").write_bytes(b"\n")
    for given, options, words, kind in [
        ((), {}, "nothing given to explain", UsageError),
        (("missing",), {}, r"missing: cannot be read \(No such file", InputError),
        (("",), {}, "expected a folder or a file", InputError),
        (("nul\0",), {}, "not a possible name", InputError),
        (("missing.tar",), {}, r"missing\.tar: no such file", InputError),
        (("-",), {}, "- is one picture", UsageError),
        (("photos.zip",), {}, r"expected \.tar or \.tar\.gz", UsageError),
        (("photos",), {"null": True}, "give one with `from=`", UsageError),
        ((), {"listed": "missing"}, "missing: no such file: expected a list", InputError),
        ((), {"listed": "empty"}, "empty: empty, expected a list", InputError),
        ((), {"listed": "photos"}, "a directory, expected a regular file", InputError),
        (("photos",), {"image_column": "x"}, r"there is no \.parquet", UsageError),
        (("photos",), {"class_from": "label"}, "expected parent for folders", UsageError),
    ]:
        with pytest.raises(kind, match=words):
            sources_of(given, SourceOptions(**options))  # type: ignore[arg-type]


@pytest.mark.usefixtures("here")
def test_what_the_manifest_keeps() -> None:
    source = sources_of(["photos", "x.tar"], SourceOptions(exclude=("c",), class_from="parent"))
    assert source.given == ("photos", "x.tar")
    assert source.settings == {"exclude": ("c",), "class_from": "parent"}
