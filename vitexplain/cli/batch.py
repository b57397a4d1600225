"""`vitexplain batch`: explain every picture of folders, files, tars and tables; it can be stopped and resumed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.parts_options import PartsOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.cli.source_options import SourceOptions
from vitexplain.cli.terminal_options import PaceOptions, TerminalOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.output import WriteOptions

_FORMS = {"png": "png", "jpeg": "jpg", "webp": "webp", "none": None}
"""Kinds of overlay, and how their files' names end."""

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE...",
        help="Folders (subfolders included), pictures, tars (.tar, .tar.gz), tables (.parquet), or remote addresses of "
        "such (s3://, gs://, https://, hf:// ...).",
    ),
]


@dataclass(frozen=True)
class BatchOutput(OutputOptions):
    """What is written, and what happens to an earlier batch in the same folder."""

    out: Path | None = option(
        None,
        "Folder to write to, or an address such as s3://bucket/run; it must be given.",
        short="-o",
        env=True,
        metavar="DIR",
    )
    overlay: str = option(
        "png",
        "Kind of the overlays: png without loss, jpeg or webp at a seventh of its size; none draws none.",
        metavar="png|jpeg|webp|none",
    )
    restart: bool = option(False, "Remove what an earlier batch wrote there and start again.")
    retry: bool = option(False, "Retry the images that failed.")

    def write_options(self, *, record: bool = True) -> WriteOptions | None:
        """Return what is written; UsageError for a kind of overlay that does not exist, too."""
        if self.overlay not in _FORMS:
            raise UsageError(f"overlay '{self.overlay}' is not valid: expected {', '.join(_FORMS)}")
        if self.overlay == "none" and self.outline:
            raise UsageError("--outline has no effect: with --overlay none no overlay is drawn")
        write = super().write_options(record=record)
        form = _FORMS[self.overlay]
        return write and replace(write, overlay=form is not None, form=form or write.form)


@dataclass(frozen=True)
class BatchPicture(PictureOptions):
    """How pictures are read."""

    fast_decode: bool = option(
        False, "Decode large JPEGs at a half, a quarter or an eighth of their size: faster, scores differ a little."
    )


@grouped
def batch(
    given: SourceOptions,
    model: ModelOptions,
    method: MethodOptions,
    target: TargetOptions,
    check: CheckOptions,
    picture: BatchPicture,
    output: BatchOutput,
    parts: PartsOptions,
    pace: PaceOptions,
    terminal: TerminalOptions,
    sources: Sources = None,
) -> None:
    """Explain every picture of folders, tars or tables: overlays of the same names, a JSON line each in records.jsonl.

    Run the same command again to resume: it does only what is missing. For several processes, see --shard.
    """
    if output.out is None:
        raise UsageError("no output folder given: add --out FOLDER")
    if picture.fast_decode and output.full_size:
        raise UsageError("--fast-decode leaves out the pixels that --full-size draws: give one of them")
    from vitexplain.batch.call import call_digest
    from vitexplain.batch.manifest import Manifest
    from vitexplain.batch.opening import holds_run, opened
    from vitexplain.batch.sources.source import Listed
    from vitexplain.cli.whole_folder import WholeFolder
    from vitexplain.output import FolderDestination, destination_of
    from vitexplain.render import LONG_SIDE

    destination = destination_of(output.out)
    local = isinstance(destination, FolderDestination)
    out = destination.folder if isinstance(destination, FolderDestination) else output.out
    output = replace(output, out=out)
    shard = parts.chosen_shard()
    source = given.source(sources or (), out)
    folder = source.given[0] if len(source.given) == 1 else source.given
    first, *others = source.units()
    # Most mistakes show in the first one, before a model is loaded and anything is written.
    units = [Listed(first.name, first.listing()), *others]
    command = WholeFolder(str(destination), terminal, output.json, method.choose_layers(method.method))
    same = replace(output, restart=False, retry=False, json=False, overwrite=False)
    options = (source.given, source.settings, model, method, target, check, picture, same)
    call = call_digest(options, (*model.files, target.reference_image))
    with ExitStack() as stack:
        # What needs no model comes before it is loaded: the lock, what is in the folder, and that nothing is missing.
        place = stack.enter_context(opened(destination, shard)) if holds_run(destination) else None
        if place is not None and not (output.restart or model.is_on_hub):
            done = place.is_finished(call, units, parts.layout(place.layout, remote=not local), retry=output.retry)
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
        layout = parts.layout(None if output.restart else place.layout, remote=not local)
        manifest = Manifest.of(folder, loaded, request, write, call, source.settings, layout)
        model.introduce(terminal, request.notices)
        with place.begun(manifest, units, restart=output.restart):
            work = place.work(units, layout, retry=output.retry)
            raise typer.Exit(command.run(loaded, request, write, pace.pace(), work))
