"""`vitexplain batch`: explain every picture of a folder; it can be stopped and resumed."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.parts_options import PartsOptions
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


@dataclass(frozen=True)
class BatchPicture(PictureOptions):
    """How pictures are read."""

    fast_decode: bool = option(
        False, "Decode large JPEGs at a half, a quarter or an eighth of their size: faster, scores differ a little."
    )


@grouped
def batch(
    folder: Folder,
    model: ModelOptions,
    method: MethodOptions,
    target: TargetOptions,
    check: CheckOptions,
    picture: BatchPicture,
    output: BatchOutput,
    parts: PartsOptions,
    pace: PaceOptions,
    terminal: TerminalOptions,
) -> None:
    """Explain every picture of a folder: overlays under the same paths, one JSON line per image in records.jsonl.

    Run the same command again to resume: it does only what is missing. For several processes, see --shard.
    """
    if output.out is None:
        raise UsageError("no output folder given: add --out FOLDER")
    if picture.fast_decode and output.full_size:
        raise UsageError("--fast-decode leaves out the pixels that --full-size draws: give one of them")
    from vitexplain.batch.call import call_digest
    from vitexplain.batch.manifest import Manifest
    from vitexplain.batch.opening import holds_run, opened
    from vitexplain.batch.sources.folder import list_pictures
    from vitexplain.batch.sources.source import Listed
    from vitexplain.cli.whole_folder import WholeFolder
    from vitexplain.output.destination import FolderDestination
    from vitexplain.render import LONG_SIDE

    shard = parts.chosen_shard()
    folder = os.path.normpath(folder) if folder else folder
    units = [Listed("", list_pictures(folder, output.out))]
    command = WholeFolder(output.out, terminal, output.json, method.choose_layers(method.method), pace.profile)
    same = replace(output, restart=False, retry=False, json=False, overwrite=False)
    call = call_digest((folder, model, method, target, check, picture, same), (*model.files, target.reference_image))
    destination = FolderDestination(output.out)
    with ExitStack() as stack:
        # What needs no model comes before it is loaded: the lock, what is in the folder, and that nothing is missing.
        place = stack.enter_context(opened(destination, shard)) if holds_run(destination) else None
        if place is not None and not (output.restart or model.is_on_hub):
            done = place.is_finished(call, units, parts.layout(place.layout), retry=output.retry)
            if done is not None:
                raise typer.Exit(command.nothing_left(done))
        model.require_files()
        with terminal.loading():
            request = method.request(target, picture, output, check)
            if picture.fast_decode:
                request = replace(request, fast_decode=LONG_SIDE)  # what overlays have at most
            write = output.write_options(record=False)
            assert write is not None
            loaded, request = model.load_for(request, terminal)
        if place is None:
            place = stack.enter_context(opened(destination, shard))
        layout = parts.layout(None if output.restart else place.layout)
        manifest = Manifest.of(folder, loaded, request, write, call, layout)
        model.introduce(terminal, request.notices)
        with place.begun(manifest, units, restart=output.restart):
            work = place.work(units, layout, retry=output.retry)
            raise typer.Exit(command.run(loaded, request, write, pace.pace(), work))
