"""`vitexplain merge`: one table of the records in parts, shards and folders."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import typer

from vitexplain.cli.groups import OUTPUT, Group, grouped, only, option
from vitexplain.cli.output_options import JSON_LINES
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import UsageError

Given = Annotated[
    list[str],
    typer.Argument(metavar="FOLDER|TABLE...", help="Folders that batch wrote to, or tables: .jsonl or .parquet."),
]


@dataclass(frozen=True)
class MergeOutput(Group):
    """The table, and which records are in it."""

    panel: ClassVar[str] = OUTPUT
    out: str | None = option(
        None, "The table to write, .jsonl or .parquet; it must be given.", short="-o", metavar="TABLE"
    )
    partial: bool = option(False, "Merge what is there, also if parts are missing.")
    keep: str | None = option(
        None, "Which of several different records of one image stay.", metavar="first|last|all", shown="an error"
    )
    json: bool = option(False, f"{JSON_LINES}: what was written.")
    overwrite: bool = option(False, "Replace a table of that name.")


@grouped
def merge(given: Given, output: MergeOutput, terminal: Annotated[TerminalOptions, only("quiet")]) -> None:
    """Write one table of all records, in the order of the source: nothing is missing in it, and nothing there twice.

    The folders may be of either layout, of shards, of several batches, and of different versions.
    """
    from vitexplain.batch.merging.doubles import KEEPS
    from vitexplain.batch.merging.merge import merge as merge_tables
    from vitexplain.cli.console import print_line
    from vitexplain.cli.progress import Bars

    if output.out is None:
        raise UsageError("no table given: add --out TABLE, whose name ends in .jsonl or .parquet")
    if output.keep is not None and output.keep not in KEEPS:
        raise UsageError(f"keep '{output.keep}' is not valid: expected {', '.join(KEEPS)}")
    keep: Any = output.keep
    with Bars(terminal.quiet) as bars:
        merged = merge_tables(
            given,
            output.out,
            keep=keep,
            partial=output.partial,
            overwrite=output.overwrite,
            begin=bars.begin,
            advance=bars.advance,
        )
    for note in merged.notes:
        terminal.warn(note)
    if output.json:
        typer.echo(json_module.dumps(asdict(merged)))
        return
    print_line(f"{merged.records:,} records, {merged.failed:,} of them failed: {merged.path}")
