"""File names: the input's own where they can be, safe always, never one for two inputs."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitexplain.output import Stems, file_name, stem_below, stem_of

RAW_NAMES = st.binary(min_size=1, max_size=250).filter(lambda raw: b"/" not in raw and b"\0" not in raw)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("cat.jpg", "cat.jpg"),
        ("/a/b c/cat's.jpg", "cat's.jpg"),
        ("../../cat.jpg", "cat.jpg"),
        ("photos/-rf.jpg", "-rf.jpg"),
        (".hidden.png", "_hidden.png"),
        ("a/..", "_."),
        ("two\nlines\t.jpg", "two_lines_.jpg"),
        ("caf\udce9.jpg", "caf\udce9.jpg"),
        ("日本.jpg", "日本.jpg"),
        ("/", "image"),
        ("-", "stdin"),
        ("./-", "-"),
        (None, "image"),
    ],
)
def test_the_stem_is_the_last_part_of_the_path_made_safe(path: str | None, stem: str) -> None:
    assert stem_of(path) == stem


@pytest.mark.parametrize(
    ("relative", "stem"),
    [
        ("birds/owl.jpg", "birds/owl.jpg"),
        ("../../etc/passwd", "_./_./etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("./a//b.jpg", "a/b.jpg"),
        (".cache/x.jpg", "_cache/x.jpg"),
    ],
)
def test_a_path_below_a_folder_stays_below_it(relative: str, stem: str) -> None:
    assert stem_below(relative) == stem


def test_colons_and_commas_of_a_spec_become_dashes() -> None:
    assert file_name("cat.jpg", "rollout", ".png") == "cat.jpg.rollout.png"
    spec = "rollout:layers=3:7,source=patch:3,4"
    assert file_name("cat.jpg", spec, ".png") == "cat.jpg.rollout-layers=3-7-source=patch-3-4.png"
    assert file_name("a/cat.jpg", None, ".json") == "a/cat.jpg.json"


def test_what_a_spec_may_never_put_into_a_name_becomes_a_dash() -> None:
    assert file_name("x", "m:a=../../b\0\n,c=\\d é", ".png") == "x.m-a=..-..-b---c=-d--.png"


@settings(max_examples=200, deadline=None)
@given(RAW_NAMES, st.sampled_from(["rollout", "flow:layers=7:12", "m:" + "long=1," * 60]))
def test_every_name_is_safe_short_and_can_be_made(raw: bytes, spec: str) -> None:
    stem = stem_of("folder/" + os.fsdecode(raw))
    for name in (file_name(stem, spec, ".cut-layers.png"), file_name(stem, None, ".json")):
        encoded = os.fsencode(name)
        assert len(encoded) <= 200
        assert b"/" not in encoded and not encoded.startswith(b".")
        assert not any(byte < 32 or byte == 127 for byte in encoded)
        assert name.endswith((".cut-layers.png", ".json"))


def test_long_names_are_cut_between_letters_and_told_apart() -> None:
    first, second = "é" * 120 + "1.jpg", "é" * 120 + "2.jpg"
    names = [file_name(stem, "rollout", ".png") for stem in (first, second)]
    assert names[0] != names[1]
    for name in names:
        assert re.fullmatch(r"é+-[0-9a-f]{8}\.png", name)
        assert 199 <= len(name.encode()) <= 200
    exact = "x" * (200 - len(".rollout.png"))
    assert file_name(exact, "rollout", ".png") == f"{exact}.rollout.png"


def test_the_later_of_two_with_one_name_gets_digits_of_its_path() -> None:
    stems = Stems()
    assert stems.claim("a/cat.jpg") == "cat.jpg"
    digits = hashlib.sha256(b"b/cat.jpg").hexdigest()[:8]
    assert stems.claim("b/cat.jpg") == f"cat.jpg-{digits}"
    digits = hashlib.sha256(b"c/CAT.JPG").hexdigest()[:8]
    assert stems.claim("c/CAT.JPG") == f"CAT.JPG-{digits}"
    assert stems.claim("d/cat.png") == "cat.png"


def test_even_the_same_path_again_gets_a_name_of_its_own() -> None:
    stems = Stems()
    claimed = [stems.claim("cat.jpg") for _ in range(20)]
    assert len({stem.casefold() for stem in claimed}) == 20
    assert claimed == [again.claim("cat.jpg") for again in [Stems()] for _ in range(20)]


def test_composed_and_decomposed_letters_are_one_name() -> None:
    stems = Stems()
    assert stems.claim("a/caf\u00e9.jpg") == "caf\u00e9.jpg"
    assert re.fullmatch("cafe\u0301.jpg-[0-9a-f]{8}", stems.claim("b/cafe\u0301.jpg"))


def test_stems_of_a_folder_are_told_apart_by_their_whole_path() -> None:
    stems = Stems()
    assert stems.claim("in/a/x.jpg", "a/x.jpg") == "a/x.jpg"
    assert stems.claim("in/b/x.jpg", "b/x.jpg") == "b/x.jpg"
    assert stems.claim("in/A/x.jpg", "A/x.jpg").startswith("A/x.jpg-")


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / file_name(stem_of("caf\udce9.jpg"), "rollout", ".png")
    path.write_bytes(b"")
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [b"caf\xe9.jpg.rollout.png"]
