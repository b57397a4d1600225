"""`vitexplain run`: classify images, explain the predictions, write overlays and records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitexplain.cli import options as o
from vitexplain.errors import InputError, VitexplainError

if TYPE_CHECKING:
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.result import Failure, Result

Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files; '-' reads one from stdin.")]


def run(
    images: Images,
    model: o.Model = "builtin",
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    method: o.Methods = ["rollout"],  # noqa: B006 - typer copies it
    fusion: o.Fusion = None,
    head: o.Head = None,
    residual: o.Residual = None,
    discard: o.Discard = None,
    layers: o.Layers = None,
    source: o.Source = None,
    seed: o.Seed = None,
    max_pixels: o.MaxPixels = None,
    top_k: o.TopK = 5,
    out: o.Out = None,
    json: o.Json = False,
    overwrite: o.Overwrite = False,
    alpha: o.Alpha = 0.5,
    colormap: o.Colormap = "viridis",
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
    from vitexplain.cli.arguments import drawing_of, load_chosen_model, method_defaults, picture_limit
    from vitexplain.methods import parse_methods
    from vitexplain.output import WriteOptions, require_folder
    from vitexplain.pipeline import Request

    defaults = method_defaults(
        fusion=fusion, head=head, residual=residual, discard=discard, layers=layers, source=source, seed=seed
    )
    request = Request(methods=parse_methods(method, defaults), top_k=top_k, max_pixels=picture_limit(max_pixels))
    drawing = drawing_of(alpha=alpha, colormap=colormap, colorbar=colorbar, scale=scale, full_size=full_size)
    folder = out if out is not None else None if json else Path("explanations")
    write = None
    if folder is not None:
        write = WriteOptions(
            folder, overwrite=overwrite, heatmap=heatmap, npy=npy, cut_layers=cut_layers, drawing=drawing
        )
        require_folder(folder)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    raise typer.Exit(_Run(loaded, request, write, json, quiet).all(images))


class _Run:
    """One call of `run`: explains image by image and tells the user what came of each."""

    def __init__(self, model: LoadedModel, request: Any, write: WriteOptions | None, json: bool, quiet: bool) -> None:
        self._model, self._request, self._write = model, request, write
        self._json, self._quiet = json, quiet
        self._said: set[str] = set()

    def all(self, images: list[str]) -> int:
        """Explain every image and return the exit code."""
        from vitexplain.output import Stems
        from vitexplain.pipeline import explain_each
        from vitexplain.result import Failure

        stems = Stems()
        codes: list[int] = []
        for path in images:
            stem = stems.claim(path)
            (outcome,) = explain_each(self._model, [_source(path)], self._request)
            if isinstance(outcome, Failure):
                self._fail(outcome)
                codes.append(outcome.error.exit_code)
            else:
                codes.append(self._show(outcome, stem))
        failed = [code for code in codes if code]
        if len(codes) == 1 or not failed:
            return codes[0] if failed else 0
        return InputError.exit_code if len(failed) == len(codes) else 1

    def _fail(self, failure: Failure) -> None:
        from vitexplain.cli.console import say_error

        if self._json:
            typer.echo(failure.to_json())
        say_error(str(failure.error))

    def _show(self, result: Result, stem: str) -> int:
        from vitexplain.cli.console import say_error, say_warning
        from vitexplain.output import line, write_result

        record, paths = result.to_record(), tuple[Path, ...]()
        if self._write is not None:
            try:
                written = write_result(result, self._write, stem)
            except VitexplainError as error:
                say_error(str(error))
                return error.exit_code
            record, paths = written.record, written.paths
        if self._json:
            sys.stdout.write(line(record).decode("ascii"))
            sys.stdout.flush()
        else:
            _print_result(result, paths)
        if not self._quiet:
            specific = (
                f"{explanation.spec}: {notice}" for explanation in result.explanations for notice in explanation.notices
            )
            for notice in (*result.picture.notices, *result.notices, *specific):
                if notice not in self._said:
                    say_warning(notice)
                self._said.add(notice)
        return 0


def _source(path: str) -> Any:
    return sys.stdin.buffer if path == "-" else path


def _print_result(result: Result, paths: tuple[Path, ...]) -> None:
    from vitexplain.cli.console import print_line, print_table

    title = result.picture.path or "stdin"
    print_line(title)
    if result.predictions:
        rows = [
            (prediction.label or f"class {prediction.index}", f"{prediction.probability:.1%}")
            for prediction in result.predictions
        ]
        print_table(("prediction", "probability>"), rows)
    else:
        print_line("no predictions: the model has no classifier")
    for path in paths:
        print_line(
            f"{'record' if path.suffix == '.json' else 'picture' if path.suffix == '.png' else 'scores'}: {path}"
        )
