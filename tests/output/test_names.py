"""File names: the input's own where they can be, safe always, never one for two inputs."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitexplain.output import file_name, stem_below, stem_of, stems_of

RAW_NAMES = st.binary(min_size=1, max_size=250).filter(lambda raw: b"/" not in raw and b"\0" not in raw)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("cat.jpg", "cat"),
        ("/a/b c/cat's.JPEG", "cat's"),
        ("../../cat.webp", "cat"),
        ("photos/-rf.jpg", "-rf"),
        ("cat.2024.05.jpg", "cat-2024-05"),
        ("archive.tar.gz", "archive-tar"),
        ("v1.5", "v1-5"),
        ("a=1,b:2.png", "a-1-b-2"),
        (".hidden.png", "_hidden"),
        (".png", "_png"),
        ("a/..", "_-"),
        ("two\nlines\t.jpg", "two_lines_"),
        ("caf\udce9.jpg", "caf\udce9"),
        ("日本.jpg", "日本"),
        ("/", "image"),
        ("-", "stdin"),
        ("./-", "-"),
        (None, "image"),
    ],
)
def test_the_stem_is_the_last_part_of_the_path_without_ending_made_safe(path: str | None, stem: str) -> None:
    assert stem_of(path) == stem


@pytest.mark.parametrize(
    ("relative", "stem"),
    [
        ("birds/owl.jpg", "birds/owl"),
        ("birds.of.prey/owl.jpg", "birds.of.prey/owl"),
        ("../../etc/passwd", "_./_./etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("./a//b.jpg", "a/b"),
        (".cache/x.jpg", "_cache/x"),
    ],
)
def test_a_path_below_a_folder_stays_below_it(relative: str, stem: str) -> None:
    assert stem_below(relative) == stem


def test_words_stand_between_the_stem_and_the_ending() -> None:
    assert file_name("cat", "", ".png") == "cat.png"
    assert file_name("cat", "rollout-layers-3-7", ".png") == "cat.rollout-layers-3-7.png"
    assert file_name("a/cat", "", ".json") == "a/cat.json"


@settings(max_examples=200, deadline=None)
@given(RAW_NAMES, st.sampled_from(["", "rollout", "x" * 60]))
def test_every_name_is_safe_short_and_can_be_made(raw: bytes, words: str) -> None:
    stem = stem_of("folder/" + os.fsdecode(raw))
    assert not set(stem) & set(".=:,")
    for name in (file_name(stem, words, ".cut-layers.png"), file_name(stem, "", ".json")):
        encoded = os.fsencode(name)
        assert len(encoded) <= 200
        assert b"/" not in encoded and not encoded.startswith(b".")
        assert not any(byte < 32 or byte == 127 for byte in encoded)
        assert name.endswith((".cut-layers.png", ".json"))


def test_long_names_are_cut_between_letters_and_told_apart() -> None:
    first, second = "é" * 120 + "1", "é" * 120 + "2"
    names = [file_name(stem, "rollout", ".png") for stem in (first, second)]
    assert names[0] != names[1]
    for name in names:
        assert re.fullmatch(r"é+-[0-9a-f]{8}\.png", name)
        assert 199 <= len(name.encode()) <= 200
    exact = "x" * (200 - len(".rollout.png"))
    assert file_name(exact, "rollout", ".png") == f"{exact}.rollout.png"


def stems(*paths: str) -> list[str]:
    return stems_of([(path, path.rpartition("/")[2]) for path in paths])


def test_the_later_of_two_with_one_name_gets_digits_of_its_path() -> None:
    digits = hashlib.sha256(b"b/cat.jpg").hexdigest()[:8]
    upper = hashlib.sha256(b"c/CAT.JPG").hexdigest()[:8]
    assert stems("a/cat.jpg", "b/cat.jpg", "c/CAT.JPG") == ["cat", f"cat-{digits}", f"CAT-{upper}"]


def test_those_that_differ_in_their_ending_alone_all_keep_it_in_any_order() -> None:
    assert stems("cat.jpg", "dog.jpg", "cat.png") == ["cat-jpg", "dog", "cat-png"]
    assert stems("cat.png", "cat.jpg", "dog.jpg") == ["cat-png", "cat-jpg", "dog"]
    taken = stems("cat.jpg", "Cat.png", "cat-jpg.jpg")
    assert taken[:2] == ["cat-jpg", "Cat-png"] and re.fullmatch("cat-jpg-[0-9a-f]{8}", taken[2])


def test_a_picture_that_its_own_overlay_would_replace_keeps_its_ending() -> None:
    inputs: list[tuple[str | None, str]] = [("cat.png", "cat.png"), ("dog.jpg", "dog.jpg")]
    assert stems_of(inputs, {"cat.png"}) == ["cat-png", "dog"]
    assert stems_of(inputs) == ["cat", "dog"]


def test_even_the_same_path_again_gets_a_name_of_its_own() -> None:
    claimed = stems(*["cat.jpg"] * 20)
    assert len({stem.casefold() for stem in claimed}) == 20
    assert claimed == stems(*["cat.jpg"] * 20)


def test_composed_and_decomposed_letters_are_one_name() -> None:
    first, second = stems("a/caf\u00e9.jpg", "b/cafe\u0301.jpg")
    assert first == "caf\u00e9" and re.fullmatch("cafe\u0301-[0-9a-f]{8}", second)


def test_stems_of_a_folder_are_told_apart_by_their_whole_path() -> None:
    found = stems_of([("in/a/x.jpg", "a/x.jpg"), ("in/b/x.jpg", "b/x.jpg"), ("in/A/x.jpg", "A/x.jpg")])
    assert found[:2] == ["a/x", "b/x"] and found[2].startswith("A/x-")


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / file_name(stem_of("caf\udce9.jpg"), "rollout", ".png")
    path.write_bytes(b"")
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [b"caf\xe9.rollout.png"]
