"""Which annotation belongs to which image (milliseconds)."""

from __future__ import annotations

import pytest

from vitexplain.errors import InputError
from vitexplain.evaluation.objects.matching import match


def test_by_the_end_of_the_path_whichever_is_longer() -> None:
    files = ["val/a.png", "train/a.png", "b.png", "photos/deep/c.png", "unknown.png"]
    paths = ["/data/val/a.png", "here/train/./a.png", "photos/b.png", "c.png", "photos/d.png"]
    assert match(files, paths, "boxes.tsv") == {
        "/data/val/a.png": "val/a.png",
        "here/train/./a.png": "train/a.png",
        "photos/b.png": "b.png",
        "c.png": "photos/deep/c.png",
    }


def test_a_name_alone_is_not_the_end_of_another_folder() -> None:
    assert match(["val/a.png", "b.png"], ["train/a.png", "b.png"], "x") == {"b.png": "b.png"}
    assert match(["xa.png", "b.png"], ["a.png", "b.png"], "x") == {"b.png": "b.png"}


def test_what_could_be_two() -> None:
    with pytest.raises(InputError, match=r"a.png could be one/a.png or two/a.png: write more of its path there"):
        match(["a.png"], ["one/a.png", "two/a.png"], "boxes.tsv")
    with pytest.raises(InputError, match=r"a.png could be one/a.png or two/a.png: give its whole path"):
        match(["one/a.png", "two/a.png"], ["a.png"], "boxes.tsv")
    assert match(["a.png"], ["one/a.png", "one/a.png"], "x") == {"one/a.png": "a.png"}, "given twice, it is one"


def test_none_at_all() -> None:
    with pytest.raises(InputError, match=r"none of its files is among the images \(it names a.png, the first .* b.png"):
        match(["a.png"], ["b.png"], "boxes.tsv")
