"""`vitexplain guide`: the pages of vitexplain/guide, drawn on a terminal, as Markdown through a pipe."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from typing import Annotated, Optional

import typer

from vitexplain.errors import UsageError
from vitexplain.likeness import alike

_OVERVIEW, _ENDING = "README", ".md"
_WIDEST = 120
"""In columns: wider lines of prose are hard to read."""

_PICTURE = re.compile(r"!\[([^\]]*)\]\((?:\.\./)*([^)]*)\)")
_SUMMARY = re.compile(r"<summary>(.*?)</summary>")
_RELATIVE_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")


def guide(
    topic: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Argument(help="The page to read; without it, the list of topics."),
    ] = None,
) -> None:
    """Read the guide: methods, flow, judging, folders, records and more."""
    from vitexplain.cli.console import console_for

    encoding = sys.stdout.encoding or "utf-8"
    text = _page(topic).encode(encoding, "backslashreplace").decode(encoding)
    if console_for(sys.stdout).is_terminal:
        _draw(text)
    else:
        typer.echo(text, nl=False)


def _page(topic: str | None) -> str:
    """Return the Markdown of a topic's page, or of the list of topics; UsageError for a topic that does not exist."""
    folder = files("vitexplain") / "guide"
    pages = {entry.name.removesuffix(_ENDING): entry for entry in folder.iterdir() if entry.name.endswith(_ENDING)}
    overview = pages.pop(_OVERVIEW)
    if topic is None:
        return overview.read_text(encoding="utf-8")
    if topic not in pages:
        near = alike(topic, pages)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"topic '{topic}' does not exist: {hint}topics are {', '.join(sorted(pages))}")
    return pages[topic].read_text(encoding="utf-8")


def _draw(text: str) -> None:
    """Draw a page; pictures, folds and links to other files, which a terminal cannot show, become words."""
    from rich.markdown import Markdown
    from rich.theme import Theme

    from vitexplain.cli.console import console_for

    text = _PICTURE.sub(r"*Picture: \1 (\2 in the repository).*", text)
    text = _SUMMARY.sub(r"\n\n*\1:*\n", text)
    text = _RELATIVE_LINK.sub(r"\1", text)
    console = console_for(sys.stdout)
    console.push_theme(Theme({"markdown.code": "cyan"}))  # rich's default is on black, whatever the terminal's colours
    console.width = min(console.width, _WIDEST)
    console.print(Markdown(text, code_theme="ansi_dark", hyperlinks=False))
