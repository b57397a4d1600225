"""`vitexplain run`: classify images, explain the predictions, write overlays and records."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitexplain.cli import method_options as m
from vitexplain.cli import options as o
from vitexplain.errors import InputError, OutputError, UsageError, VitexplainError

if TYPE_CHECKING:
    from vitexplain.images import PictureInput
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.pipeline import Request
    from vitexplain.render import Drawing
    from vitexplain.result import Failure, Result

Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files; '-' reads one from stdin.")]


def run(
    images: Images,
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
    verify: m.Verify = False,
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    top_k: o.TopK = 5,
    out: o.Out = None,
    json: o.Json = False,
    overwrite: o.Overwrite = False,
    alpha: o.Alpha = 0.5,
    colormap: o.Colormap = "inferno",
    colorbar: o.Colorbar = False,
    scale: o.Scale = None,
    full_size: o.FullSize = False,
    heatmap: o.Heatmap = False,
    npy: o.Npy = False,
    cut_layers: o.CutLayers = False,
    threads: o.Threads = None,
    quiet: o.Quiet = False,
) -> None:
    """Classify images, explain each prediction, and write an overlay and a JSON record."""
    from vitexplain.cli.arguments import (
        drawing_of,
        load_chosen_model,
        method_defaults,
        picture_limit,
        served_by,
        view_of,
    )
    from vitexplain.methods import chosen_methods
    from vitexplain.output import WriteOptions, require_folder
    from vitexplain.pipeline import Request, check_view, require_flow

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
    request = Request(methods, view_of(view), top_k, picture_limit(max_pixels), target, against, verify, by_default)
    drawing = drawing_of(alpha=alpha, colormap=colormap, colorbar=colorbar, scale=scale, full_size=full_size)
    folder = out if out is not None else None if json else Path("explanations")
    write = None
    if folder is not None:
        write = WriteOptions(
            folder, overwrite=overwrite, heatmap=heatmap, npy=npy, cut_layers=cut_layers, drawing=drawing
        )
        require_folder(folder)
    else:
        for flag, wanted in (("heatmap", heatmap), ("npy", npy), ("cut-layers", cut_layers)):
            if wanted:
                raise UsageError(f"--{flag} has no effect: with --json files are written only with --out FOLDER")
    # os.path answers False where Path.is_file raises: for a name that is too long, say.
    if not any(path == "-" or os.path.isfile(path) for path in images):  # noqa: PTH113
        raise typer.Exit(_refuse(images, json))
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    request = served_by(request, loaded, quiet=quiet)
    check_view(loaded, request)
    raise typer.Exit(_Run(loaded, request, drawing, write, json, quiet).all(images))


@dataclass
class _Run:
    """One call of `run`: explains image by image and tells the user what came of each."""

    model: LoadedModel
    request: Request
    drawing: Drawing
    write: WriteOptions | None
    json: bool
    quiet: bool

    def __post_init__(self) -> None:
        self._noted: dict[str, list[str]] = {}

    def all(self, images: list[str]) -> int:
        """Explain every image and return the exit code."""
        from vitexplain.cli.progress import explaining
        from vitexplain.output import Stems
        from vitexplain.pipeline import explain_each
        from vitexplain.result import Failure

        stems = Stems()
        codes: list[int] = []
        try:
            for number, path in enumerate(images, start=1):
                stem = stems.claim(path)
                place = f" ({number} of {len(images)})" if len(images) > 1 else ""
                with explaining(path + place, self.request.methods, shown=not self.quiet):
                    (outcome,) = explain_each(self.model, [_source(path)], self.request)
                codes.append(_tell(outcome, self.json) if isinstance(outcome, Failure) else self._show(outcome, stem))
        except BrokenPipeError:  # nobody reads on
            self._noted.clear()
            raise
        finally:
            self._say_notices(named=len(images) > 1)
        return _exit_code(codes)

    def _show(self, result: Result, stem: str) -> int:
        from vitexplain.cli.printed import print_result, title
        from vitexplain.output import line, write_result
        from vitexplain.result import Failure, notices_of

        if self.write is None:
            record, paths = result.to_record(display=self.drawing.scale), tuple[Path, ...]()
        else:
            try:
                written = write_result(result, self.write, stem)
            except OutputError as error:
                return _tell(Failure(result.picture.path, error, result.seconds), self.json)
            record, paths = written.record, written.paths
        if self.json:
            sys.stdout.write(line(record).decode("ascii"))
            sys.stdout.flush()
        else:
            print_result(result, paths)
        for notice in dict.fromkeys((*result.picture.notices, *result.notices, *notices_of(result.explanations))):
            self._noted.setdefault(notice, []).append(title(result))
        return 0

    def _say_notices(self, named: bool) -> None:
        """Say what is to be known of the images, the same once; `named`: with the image, or how many it is said of."""
        from vitexplain.cli.console import say_warning

        for notice, titles in self._noted.items() if not self.quiet else ():
            of = titles[0] if len(titles) == 1 else f"{len(titles):,} images"
            say_warning(f"{of}: {notice}" if named else notice)


def _refuse(images: list[str], json: bool) -> int:
    """Tell why none of the inputs can be read, without a model, and return the exit code."""
    from vitexplain.images import open_picture
    from vitexplain.result import Failure

    codes = []
    for path in images:
        try:
            open_picture(path)
        except VitexplainError as error:
            codes.append(_tell(Failure(path, error, {}), json))
    return _exit_code(codes)


def _tell(failure: Failure, json: bool) -> int:
    from vitexplain.cli.console import say_error

    if json:
        typer.echo(failure.to_json())
    say_error(str(failure.error))
    return failure.error.exit_code


def _exit_code(codes: list[int]) -> int:
    """Return the exit code of a call from those of its images."""
    if codes and all(codes):  # all failed, or the only one did: for the same reason, or for several
        return codes[0] if len(set(codes)) == 1 else InputError.exit_code
    return 1 if any(codes) else 0


def _source(path: str) -> PictureInput:
    return sys.stdin.buffer if path == "-" else path
