"""Globs, compared with git's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vitexplain.batch.sources.patterns import Patterns
from vitexplain.errors import UsageError

PATHS = [
    "owl.jpg",
    "owl.JPG",
    "birds/owl.jpg",
    "birds/big/owl.jpg",
    "birds/big/owl.png",
    "birds/thumbs/owl.jpg",
    "thumbs/owl.jpg",
    "thumbs.jpg",
    "a b/[x].jpg",
    "a b/x.jpg",
    "deep/er/and/deeper/1.jpg",
    "deep/1.jpg",
    "n1/1.jpg",
    "n2/1.jpg",
    "n/1.jpg",
    "birds/.hidden.jpg",
    "\u00e9\u00e9/\u00fc.jpg",
]
GLOBS = [
    "*.jpg",
    "owl.*",
    "thumbs",
    "thumbs/",
    "birds/*.jpg",
    "birds/**",
    "birds/**/*.jpg",
    "**/big",
    "**/big/*.png",
    "/owl.jpg",
    "/birds",
    "n?",
    "n[12]",
    "n[!1]",
    "n[^1]/1.jpg",
    "[[]x].jpg",
    "deep/**/1.jpg",
    "deep/*/1.jpg",
    "?/*",
    "*",
    "a b",
    "birds/big/owl",
    "o[a-z]l.[jp][pn]g",
]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.parametrize("glob", GLOBS)
def test_the_paths_of_a_glob_are_those_that_git_ignores_for_it(glob: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(f"{glob}\n", encoding="utf-8")
    asked = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "-z", "--stdin"]
    answer = subprocess.run(asked, input="\0".join(PATHS), capture_output=True, encoding="utf-8", check=False)
    ignored = {path for path in answer.stdout.split("\0") if path}
    assert {path for path in PATHS if not Patterns(exclude=(glob,)).wants(path)} == ignored
    assert {path for path in PATHS if Patterns(include=(glob,)).wants(path)} == ignored


def test_exclude_takes_precedence_and_one_include_is_enough() -> None:
    patterns = Patterns(include=("*.jpg", "*.png"), exclude=("thumbs",))
    assert patterns.wants("a/b.jpg") and patterns.wants("b.png")
    assert not patterns.wants("b.gif") and not patterns.wants("thumbs/b.jpg")
    assert Patterns().wants("anything") and not Patterns()


def test_an_empty_pattern_is_refused() -> None:
    for glob in ("", "/", "//"):
        with pytest.raises(UsageError, match="no pattern"):
            Patterns(include=(glob,))
