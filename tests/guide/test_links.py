"""Links of README and guide resolve, and every page is in the list of topics with one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guide.documents import DOCUMENTS, OVERVIEW, PAGES, README, ROOT, anchors, blocks, links, text_of

_TERMINAL = 80


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(document: Path) -> None:
    for target in links(document):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.is_file() and linked.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_in_the_list_once_with_one_line() -> None:
    listed = re.findall(r"^- \[([\w-]+)\]\(\1\.md\): (.+)$", text_of(OVERVIEW), re.MULTILINE)
    assert sorted(topic for topic, _ in listed) == [page.stem for page in PAGES]
    assert all(len(f" • {topic}: {line}") <= _TERMINAL for topic, line in listed)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_has_a_title_and_says_first_what_it_is_about(page: Path) -> None:
    title, empty, about, *_ = text_of(page).splitlines()
    assert title.startswith("# ") and not empty and about.endswith(".")


def test_a_link_from_one_page_to_another_is_called_like_its_topic() -> None:
    """A terminal shows the words of a link alone: they are then what to give to `vitexplain guide`."""
    for page in DOCUMENTS:
        for words, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", text_of(page)):
            stem = target.partition("#")[0].rpartition("/")[2].removesuffix(".md")
            if target.partition("#")[0].endswith(f"{stem}.md") and stem in {page.stem for page in PAGES}:
                assert words == stem or "#" in target, (page, words, target)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_code_fits_a_terminal(page: Path) -> None:
    """It is drawn with a column of space on both sides."""
    for language in ("sh", "python", "text"):
        for block in blocks(page, language):
            assert max(map(len, block.splitlines())) <= _TERMINAL - 2, block


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.read_bytes()) < 11_000
