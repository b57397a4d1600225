"""The blocks of Python that README and guide show run as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guide.documents import DOCUMENTS, GUIDE, README, blocks
from tests.guide.shown_names import write_shown_names

_SHOWN = [(document, code) for document in DOCUMENTS for code in blocks(document, "python")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documents name."""
    folder = tmp_path_factory.mktemp("shown")
    write_shown_names(folder)
    return folder


@pytest.mark.parametrize(("document", "code"), _SHOWN, ids=[document.name for document, _ in _SHOWN])
def test_a_block_of_python(document: Path, code: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    exec(compile(code, str(document), "exec"), {})


def test_the_readme_shows_python_in_about_ten_lines() -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line]) <= 10


def test_what_the_page_says_is_printed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    failure, error = blocks(GUIDE / "python.md", "python")
    exec(failure, {})
    assert capsys.readouterr().out.startswith("no_picture.txt ")
    exec(error, {})
    stated = error.rpartition("# ")[2].strip().removesuffix(" ...")
    assert capsys.readouterr().out.startswith(stated)
