"""README.md and the pages of the guide, taken apart: blocks of code, commands, links, anchors."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "vitexplain" / "guide"
OVERVIEW = GUIDE / "README.md"
PAGES = tuple(sorted(path for path in GUIDE.iterdir() if path != OVERVIEW))
DOCUMENTS = (README, OVERVIEW, *PAGES)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def text_of(document: Path) -> str:
    """Return the Markdown of a document."""
    return document.read_text(encoding="utf-8")


def prose_of(document: Path) -> str:
    """Return the Markdown of a document without its blocks of code."""
    return _BLOCK.sub("", text_of(document))


def blocks(document: Path, language: str) -> list[str]:
    """Return the blocks of code in a language, in their order."""
    return [code for found, code in _BLOCK.findall(text_of(document)) if found == language]


def shell_lines(document: Path) -> list[str]:
    """Return the lines of the shell blocks; those that a backslash continues are one, `&&` separates two."""
    lines = []
    for block in blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            lines += [" ".join(part.split()) for part in line.split("&&")]
    return lines


def commands(document: Path) -> list[str]:
    """Return the commands of vitexplain that the shell blocks of a document show."""
    return [line for line in shell_lines(document) if line.startswith("vitexplain")]


def inline_code(document: Path) -> list[str]:
    """Return what stands between single backticks, on one line each."""
    return [" ".join(code.split()) for code in _CODE.findall(prose_of(document))]


def links(document: Path) -> list[str]:
    """Return the targets of all links and pictures."""
    return _LINK.findall(prose_of(document))


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose_of(document)))
    return {heading.replace(" ", "-") for heading in kept}
