"""`vitexplain batch`: explain every picture of folders, files, tars and tables; it can be stopped and resumed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.engine_options import EngineOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.overlay_options import CaptionOptions
from vitexplain.cli.parts_options import PartsOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.cli.source_options import SourceOptions
from vitexplain.cli.terminal_options import PaceOptions, TerminalOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.output import WriteOptions

_FORMS = {"png": "png", "jpeg": "jpg", "webp": "webp", "svg": "svg", "pdf": "pdf", "none": None}
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
class BatchOutput(CaptionOptions):
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
        "Kind of the overlays: png without loss, jpeg or webp at a seventh of its size, svg or pdf; none draws none.",
        metavar="png|jpeg|webp|svg|pdf|none",
    )
    restart: bool = option(False, "Remove what an earlier batch wrote there and start again.")
    retry: bool = option(False, "Retry the images that failed.")

    def written(self) -> WriteOptions:
        """Return what is written beside the records; UsageError for a kind of overlay that does not exist, too."""
        if self.overlay not in _FORMS:
            raise UsageError(f"overlay '{self.overlay}' is not valid: expected {', '.join(_FORMS)}")
        for flag in ("outline", "caption"):
            if self.overlay == "none" and getattr(self, flag):
                raise UsageError(f"--{flag} has no effect: with --overlay none no overlay is drawn")
        form = _FORMS[self.overlay]
        write = self.written_as(form or "png", record=False)
        assert write is not None
        return replace(write, overlay=form is not None)


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
    engine: EngineOptions,
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
    from vitexplain.batch.manifest import Manifest, asked_settings
    from vitexplain.batch.opening import holds_run, opened
    from vitexplain.batch.sources.source import Listed
    from vitexplain.batch.work.parts import PartsWork
    from vitexplain.cli.whole_folder import WholeFolder
    from vitexplain.output import FolderDestination, destination_of
    from vitexplain.output.stores import protocol_of
    from vitexplain.render import LONG_SIDE

    destination = destination_of(output.out)
    local = isinstance(destination, FolderDestination)
    if not local and protocol_of(str(destination)) == "memory":
        terminal.warn("memory:// is gone when this process ends, and all that was written with it")
    out = destination.folder if isinstance(destination, FolderDestination) else output.out
    output = replace(output, out=out)
    in_parts = engine.is_ray or not local
    engine.check()
    if pace.size is None and engine.is_ray:
        raise UsageError("--batch-size auto measures this process, with --engine ray others do the work: give a number")
    if pace.profile and engine.is_ray:
        raise UsageError("--profile measures this process, with --engine ray others do the work: give one of them")
    parts.layout(None, needed=in_parts)  # a library that is missing is named before a model is loaded
    shard = parts.chosen_shard()
    source = given.source(sources or (), out)
    folder = source.given[0] if len(source.given) == 1 else source.given
    first, *others = source.units()
    # Most mistakes show in the first one, before a model is loaded and anything is written.
    units = [Listed(first.name, first.listing()), *others]
    command = WholeFolder(str(destination), terminal, output.json, method.choose_layers(method.method), pace.profile)
    same = replace(output, restart=False, retry=False, json=False, overwrite=False)
    options = (source.given, source.settings, model, method, target, check, picture, same)
    call = call_digest(options, (*model.files, target.reference_image))
    with ExitStack() as stack:
        # What needs no model comes before it is loaded: the lock, what is in the folder, and that nothing is missing.
        place = stack.enter_context(opened(destination, shard)) if holds_run(destination) else None
        if place is not None and not (output.restart or model.is_on_hub):
            done = place.is_finished(call, units, parts.layout(place.layout, needed=in_parts), retry=output.retry)
            if done is not None:
                raise typer.Exit(command.nothing_left(done))
        model.require_files()
        request = method.request(target, picture, output, check)
        write = output.written()
        if picture.fast_decode:
            request = replace(request, fast_decode=LONG_SIDE if write.overlay else 0)  # what overlays have at most
        if place is not None and not output.restart:
            asked = asked_settings(folder, source.settings, request, write, methods_named=bool(method.method))
            place.require_same(asked)
        with terminal.loading():
            loaded, request = model.load_for(request, terminal)
        if place is None:
            place = stack.enter_context(opened(destination, shard))
        layout = parts.layout(None if output.restart else place.layout, needed=in_parts)
        manifest = Manifest.of(folder, loaded, request, write, call, source.settings, layout)
        model.introduce(terminal, request.notices)
        with place.begun(manifest, units, restart=output.restart):
            # Ray's machines list each unit themselves.
            work = place.work(source.units() if engine.is_ray else units, layout, retry=output.retry)
            if engine.is_ray:
                from vitexplain.batch.engines.ray_rows import Task

                assert isinstance(work, PartsWork)
                load = partial(model.load, terminal)
                task = Task(load, manifest.settings["model"], request, work, write, pace.pace())
                raise typer.Exit(command.run_on_ray(engine, model.device, pace, task))
            raise typer.Exit(command.run(loaded, request, write, pace.pace_for(loaded, request, terminal), work))
