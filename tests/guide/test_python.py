"""The blocks of Python that README and guide show run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guide.documents import DOCUMENTS, GUIDE, README, blocks
from tests.guide.shown_names import LIBRARIES, has_library, write_shards

_SHOWN = [(document, code) for document in DOCUMENTS for code in blocks(document, "python")]


@pytest.mark.parametrize(("document", "code"), _SHOWN, ids=[document.name for document, _ in _SHOWN])
@pytest.mark.usefixtures("place", "one_thread")
def test_a_block_of_python(document: Path, code: str) -> None:
    for library in LIBRARIES:
        needed = "hf_clip" in code and library == "transformers"
        if (needed or re.search(rf"^(?:import|from) {library}\b", code, re.MULTILINE)) and not has_library(library):
            pytest.skip(f"{library} is not installed")
    if "explained/parts/*.parquet" in code:
        write_shards(["explained"], "parquet")
    exec(compile(code, str(document), "exec"), {})


def test_the_readme_shows_python_in_about_ten_lines() -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line]) <= 10


@pytest.mark.usefixtures("place", "one_thread")
def test_what_the_page_says_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    failure, error = blocks(GUIDE / "python.md", "python")
    exec(failure, {})
    assert capsys.readouterr().out.startswith("no_picture.txt ")
    exec(error, {})
    stated = error.rpartition("# ")[2].strip().removesuffix(" ...")
    assert capsys.readouterr().out.startswith(stated)
