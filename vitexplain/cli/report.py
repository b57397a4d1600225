"""`vitexplain report`: what a run wrote, as one page to look through in a browser."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from vitexplain.cli.groups import OUTPUT, PICTURE, Group, grouped, only, option
from vitexplain.cli.output_options import JSON_LINES
from vitexplain.cli.terminal_options import TerminalOptions

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN_FOLDER", help="The folder that run, batch or evaluate wrote to.")
]


@dataclass(frozen=True)
class PageOptions(Group):
    """What the page shows beside the records."""

    panel: ClassVar[str] = PICTURE
    pictures: Path | None = option(None, "Where the pictures are now, if they were moved.", metavar="FOLDER")
    picture_size: int = option(384, "Longer side of the pictures on the page, in pixels.", low=32, high=4096)
    class_from_folder: bool = option(
        False, "The folder that a picture lies in is its true class, by which confusions are counted."
    )


@dataclass(frozen=True)
class PageOutput(Group):
    """How the page is written."""

    panel: ClassVar[str] = OUTPUT
    embed: bool = option(False, "Put the pictures into the page itself, to send it as one file.")
    json: bool = option(False, f"{JSON_LINES}: what was written, and what is missing.")
    overwrite: bool = option(False, "Replace a report.html that vitexplain did not write.")


@grouped
def report(
    folder: RunFolder,
    page: PageOptions,
    output: PageOutput,
    terminal: Annotated[TerminalOptions, only("quiet")],
) -> None:
    """Write report.html into the folder of a run: a page to search, sort and look through, without any network."""
    from vitexplain.cli.console import print_line
    from vitexplain.cli.progress import Bars
    from vitexplain.report import Pictures, write_report

    pictures = Pictures(page.picture_size, output.embed, page.pictures)
    with Bars(terminal.quiet) as bars:
        written = write_report(
            folder,
            pictures,
            overwrite=output.overwrite,
            class_from_folder=page.class_from_folder,
            begin=lambda total: bars.begin("pictures", total),
            advance=bars.advance,
        )
    for note in written.notes:
        terminal.warn(note.removesuffix("."))
    if written.without_picture:
        terminal.warn(
            f"{written.without_picture:,} of the pictures cannot be shown themselves, only their maps: give the folder "
            "they are in now with `pictures=`"
        )
    if output.json:
        typer.echo(json_module.dumps({**asdict(written), "path": str(written.path)}))
        return
    counted = f"{written.images:,} picture{'s' * (written.images != 1)}, {written.failed:,} failed"
    print_line(f"{counted}: {written.path}")
