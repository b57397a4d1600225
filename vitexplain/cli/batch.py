"""`vitexplain batch`: explain every picture of a folder, in a way that can be stopped and gone on with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitexplain.cli import method_options as m
from vitexplain.cli import options as o
from vitexplain.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace, Tally
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.output.listing import Listing
    from vitexplain.pipeline import Request

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of pictures, with all folders in it.")]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart", help="Remove what an earlier batch wrote there, and begin anew.", rich_help_panel=o.OUTPUT
    ),
]
Retry = Annotated[
    bool, typer.Option("--retry", help="Try the images again that failed before.", rich_help_panel=o.OUTPUT)
]


def batch(
    folder: Folder,
    model: o.Model = None,
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    method: m.MethodsOrDefault = [],  # noqa: B006 - typer copies it
    fusion: m.Fusion = None,
    head: m.Head = None,
    residual: m.Residual = None,
    discard: m.Discard = None,
    layers: m.Layers = None,
    source: m.Source = None,
    fill: m.Fill = None,
    window: m.Window = None,
    of: m.Of = None,
    steps: m.Steps = None,
    seed: m.Seed = None,
    target: m.Target = "top1",
    against: m.Against = None,
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    top_k: o.TopK = 5,
    out: o.Out = None,
    json: o.Json = False,
    overwrite: o.Overwrite = False,
    restart: Restart = False,
    retry: Retry = False,
    alpha: o.Alpha = 0.5,
    colormap: o.Colormap = "inferno",
    colorbar: o.Colorbar = False,
    scale: o.Scale = None,
    full_size: o.FullSize = False,
    heatmap: o.Heatmap = False,
    npy: o.Npy = False,
    cut_layers: o.CutLayers = False,
    batch_size: o.BatchSize = 8,
    workers: o.Workers = None,
    threads: o.Threads = None,
    quiet: o.Quiet = False,
) -> None:
    """Explain every picture of a folder: overlays under the same paths, one JSON line per image in records.jsonl.

    The same command again does only what is missing.
    """
    from vitexplain.cli.arguments import (
        drawing_of,
        load_chosen_model,
        method_defaults,
        picture_limit,
        served_by,
        view_of,
    )

    if out is None:
        raise UsageError("no output folder given: add --out FOLDER")
    from vitexplain.batch.engine import Pace
    from vitexplain.methods import chosen_methods
    from vitexplain.output import WriteOptions, require_folder
    from vitexplain.output.listing import list_pictures
    from vitexplain.pipeline import Request, check_request, require_flow

    defaults = method_defaults(
        fusion=fusion,
        head=head,
        residual=residual,
        discard=discard,
        layers=layers,
        source=source,
        fill=fill,
        window=window,
        of=of,
        steps=steps,
        seed=seed,
    )
    methods, by_default = chosen_methods(method, defaults)
    if cut_layers:
        require_flow("cut-layers", methods)
    request = Request(
        methods,
        view_of(view),
        top_k,
        picture_limit(max_pixels),
        target,
        against,
        by_default=by_default,
    )
    drawing = drawing_of(alpha=alpha, colormap=colormap, colorbar=colorbar, scale=scale, full_size=full_size)
    write = WriteOptions(
        out, overwrite=overwrite, heatmap=heatmap, npy=npy, cut_layers=cut_layers, record=False, drawing=drawing
    )
    require_folder(out)
    folder = os.path.normpath(folder) if folder else folder
    listing = list_pictures(folder, out)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    request = served_by(request, loaded, quiet=quiet)
    check_request(loaded, request)
    pace = Pace(batch_size, _default_workers() if workers is None else workers)
    command = _Batch(loaded, request, write, pace, json, quiet)
    raise typer.Exit(command.run(folder, listing, restart=restart, retry=retry))


def _default_workers() -> int:
    """Return half of the processors that this process may use: the model needs the others."""
    return max(1, min(8, (os.cpu_count() or 1) // 2))


class _Batch:
    """One call of `batch`: what is shown while it runs, and its exit code."""

    def __init__(
        self, model: LoadedModel, request: Request, write: WriteOptions, pace: Pace, json: bool, quiet: bool
    ) -> None:
        self._model, self._request, self._write, self._pace = model, request, write, pace
        self._json, self._quiet = json, quiet

    def run(self, folder: str, listing: Listing, *, restart: bool, retry: bool) -> int:
        """Explain what is missing, and return the exit code."""
        from vitexplain.batch.engine import Engine
        from vitexplain.batch.manifest import Manifest
        from vitexplain.batch.naming import named
        from vitexplain.batch.resume import run_folder
        from vitexplain.batch.sinks import JsonLinesSink
        from vitexplain.cli.console import say
        from vitexplain.cli.progress import ImageProgress

        stems = named(listing.pictures)
        manifest = Manifest.of(folder, self._model, self._request, self._write)
        with run_folder(self._write.folder, manifest, listing.pictures, restart=restart, retry=retry) as done:
            left = [listed for listed in listing.pictures if listed.path not in done.paths]
            total = len(left) + len(done.paths)
            with (
                JsonLinesSink(self._write.folder) as sink,
                ImageProgress(total, len(done.paths), shown=not self._quiet) as progress,
                _signals() as caught,
            ):

                def report(record: Mapping[str, Any]) -> None:
                    self._print_record(record)
                    progress.advance(record["error"]["message"] if "error" in record else None)

                engine = Engine(
                    self._model, self._request, self._write, self._pace, sink, report, stop=lambda: bool(caught)
                )
                tally = engine.run(left, stems)
        tally.explained += done.explained
        tally.failed += done.failed
        self._summary(tally, listing.skipped, total)
        if not left and not self._quiet:
            say(f"nothing was left to do{'; --retry tries the failed ones again' * bool(tally.failed)}")
        if tally.stopped:
            return 128 + caught[0]
        if tally.failed:
            return 1 if tally.explained else InputError.exit_code
        return 0

    def _print_record(self, record: Mapping[str, Any]) -> None:
        from vitexplain.output import line

        if self._json:
            sys.stdout.write(line(record).decode("ascii"))
            sys.stdout.flush()

    def _summary(self, tally: Tally, skipped: int, total: int) -> None:
        """Print what came of it: on stdout as the answer, on stderr where stdout is for JSON."""
        from vitexplain.cli.console import print_line, say, say_warning
        from vitexplain.output.run_folder import RECORDS

        if not self._quiet:
            for notice, count in tally.notices.most_common(10):
                say_warning(f"{count:,} image{'s' * (count != 1)}: {notice}")
        tell = say if self._json else print_line
        others = f", {skipped:,} other files skipped" if skipped else ""
        tell(f"{tally.explained:,} explained, {tally.failed:,} failed{others}: {self._write.folder / RECORDS}")
        if tally.stopped:
            left = total - tally.explained - tally.failed
            say_warning(f"stopped with {left:,} images left: the same command goes on with them")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM instead of breaking off; a second Ctrl-C breaks off at once."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        from vitexplain.cli.console import say_warning

        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        say_warning("stopping after the batch in hand; once more to stop now")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
