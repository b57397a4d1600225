"""The only place that draws on the terminal: tables on stdout; notices and errors, one line each, on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitexplain.cli.flags import with_flags


def say_error(message: str) -> None:
    """Print one line on stderr: what went wrong and what to do."""
    _say("error", "bold red", message)


def say_warning(message: str) -> None:
    """Print one line on stderr: a notice for the reader of the result."""
    _say("note", "yellow", message)


def say(message: str) -> None:
    """Print one plain line on stderr."""
    _say("", "", message)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout; columns whose name ends in ">" are right-aligned."""
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        # The first column is never cut: readers copy from it.
        justify: Literal["left", "right"] = "right" if column.endswith(">") else "left"
        table.add_column(column.removesuffix(">"), justify=justify, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(str(cell))) for cell in row))
    console = console_for(sys.stdout)
    # A pipe or a file has no width unless one was given: lines stay whole.
    if not (console.is_terminal or os.environ.get("COLUMNS", "").isdigit()):
        console.width = max(console.width, console.measure(table, options=console.options.update(width=9999)).maximum)
    console.print(table)


def print_line(text: str = "") -> None:
    """Print one line of plain text on stdout, whatever the width of the terminal."""
    console_for(sys.stdout).print(Text(clean(text)), soft_wrap=True)


def print_record(record: Mapping[str, Any]) -> None:
    """Print a record on stdout as one line of JSON, at once."""
    from vitexplain.output import line

    sys.stdout.write(line(record).decode("ascii"))
    sys.stdout.flush()


def error_line(message: str) -> Text:
    """Return the line that `say_error` prints."""
    return _line("error", "bold red", message)


def warning_line(message: str) -> Text:
    """Return the line that `say_warning` prints."""
    return _line("note", "yellow", message)


def _say(label: str, style: str, message: str) -> None:
    console_for(sys.stderr).print(_line(label, style, message), soft_wrap=True)


def _line(label: str, style: str, message: str) -> Text:
    line = Text(f"{label}: " if label else "", style=style)
    line.append(clean(" ".join(with_flags(message).splitlines())), style="default")
    return line


def console_for(stream: Any) -> Console:
    """Return the console of a stream: plain text, colours only on a terminal."""
    return Console(file=stream, highlight=False, emoji=False, markup=False)


def clean(text: str) -> str:
    """Return text that any terminal can show: control characters and bytes that are not UTF-8 are escaped."""
    shown = "".join(letter if letter.isprintable() or letter == " " else repr(letter)[1:-1] for letter in text)
    return shown.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode(sys.stdout.encoding or "utf-8")
