"""`vitexplain batch`: explain every picture of a folder; it can be stopped and resumed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.cli.terminal_options import PaceOptions, TerminalOptions
from vitexplain.errors import UsageError

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of pictures, subfolders included.")]


@dataclass(frozen=True)
class BatchOutput(OutputOptions):
    """What is written, and what happens to an earlier batch in the same folder."""

    out: Path | None = option(None, "Folder to write to; it must be given.", short="-o", env=True, metavar="DIR")
    restart: bool = option(False, "Remove what an earlier batch wrote there and start again.")
    retry: bool = option(False, "Retry the images that failed.")


@grouped
def batch(
    folder: Folder,
    model: ModelOptions,
    method: MethodOptions,
    target: TargetOptions,
    check: CheckOptions,
    picture: PictureOptions,
    output: BatchOutput,
    pace: PaceOptions,
    terminal: TerminalOptions,
) -> None:
    """Explain every picture of a folder: overlays under the same paths, one JSON line per image in records.jsonl.

    Run the same command again to resume: it does only what is missing.
    """
    if output.out is None:
        raise UsageError("no output folder given: add --out FOLDER")
    from vitexplain.cli.whole_folder import WholeFolder
    from vitexplain.output.listing import list_pictures

    request = method.request(target, picture, output, check)
    write = output.write_options(record=False)
    assert write is not None
    folder = os.path.normpath(folder) if folder else folder
    listing = list_pictures(folder, output.out)
    loaded, request = model.load_for(request, terminal)
    command = WholeFolder(
        loaded, request, write, pace.pace(), terminal, output.json, method.choose_layers(method.method)
    )
    raise typer.Exit(command.run(folder, listing, restart=output.restart, retry=output.retry))
