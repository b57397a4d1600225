"""`vitexplain compare`: one figure of an image with its prediction and explanations of it beside each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vitexplain.cli import method_options as m
from vitexplain.cli import options as o
from vitexplain.cli.figure_output import Image, format_option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitexplain.images import PictureInput
    from vitexplain.methods import Method
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request
    from vitexplain.result import Result

BY_LAYER, BY_HEAD, BY_TARGET = "--by-layer", "--by-head", "--by-target"
METHODS = ["raw", "rollout", "flow"]
METHODS_BY_TARGET = ["relevance", "rollout"]
"""What stands beside the default of `run`."""

PREDICTIONS = 3
MOST_CLASSES = 40
"""Rows of a figure by class; more are legible no longer."""

HEADS_DIFFER = "Head numbers do not correspond between layers: a column is no single head that goes through the model."


def compare(
    image: Image,
    model: o.Model = None,
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    method: Annotated[
        list[str],
        m.methods_option(f"{', '.join(METHODS)}; with --by-target the default of run, {', '.join(METHODS_BY_TARGET)}"),
    ] = [],  # noqa: B006 - typer copies it
    by_layer: Annotated[
        bool,
        typer.Option(
            BY_LAYER,
            help="One row a method, one column a layer k: the graph cut off after layers 1 to k.",
            rich_help_panel=o.METHOD,
        ),
    ] = False,
    by_head: Annotated[
        bool,
        typer.Option(
            BY_HEAD,
            help="One column a head: raw attention in a row for each layer, rollout and flow with one head number "
            "throughout. Head numbers do not correspond between layers.",
            rich_help_panel=o.METHOD,
        ),
    ] = False,
    by_target: Annotated[
        bool,
        typer.Option(
            BY_TARGET,
            help="One row a class, the three most probable ones unless --target names others (never that of "
            "--against), one column a method that explains a class. Methods that explain none are the same for all: "
            "they stand once, in the last row.",
            rich_help_panel=o.METHOD,
        ),
    ] = False,
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
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        m.target_option("top1; with --by-target top3"),
    ] = None,
    against: m.Against = None,
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    form: Annotated[str, format_option()] = "png",
    scale_per: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Option(
            "--scale-per",
            help="What has one colour scale: every panel its own (default), all panels of a method (gradient fusion "
            "counts as one of its own), or of the figure.",
            metavar="panel|method|figure",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    scale: o.Scale = None,
    alpha: o.Alpha = 0.5,
    colormap: o.Colormap = "inferno",
    out: o.Out = None,
    json: o.Json = False,
    overwrite: o.Overwrite = False,
    threads: o.Threads = None,
    quiet: o.Quiet = False,
) -> None:
    """Draw one figure of an image: its prediction, and methods beside each other, by layer, by head or by class."""
    from vitexplain.cli.arguments import drawing_of, load_chosen_model, method_defaults, picture_limit, view_of
    from vitexplain.cli.figure_output import FigureOutput, check_choice
    from vitexplain.cli.progress import explaining
    from vitexplain.figures import FIGURE_FORMATS
    from vitexplain.methods import default_methods, is_open, over_upper_layers, parse_methods
    from vitexplain.pipeline import Request, check_view, require_class_method

    by = _arrangement({BY_LAYER: by_layer, BY_HEAD: by_head, BY_TARGET: by_target})
    if scale is not None and scale_per is not None:
        raise UsageError("--scale and --scale-per exclude each other: give one of them")
    check_choice("scale-per", scale_per or "panel", ("panel", "method", "figure"))
    check_choice("format", form, FIGURE_FORMATS)
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
    chosen: Sequence[str | Method] = method or METHODS
    if by_target and not method:
        chosen = [*default_methods(defaults), *METHODS_BY_TARGET]
    methods = parse_methods(chosen, defaults)
    if by_target:
        require_class_method("by-target", methods)
    classes = target or ("top3" if by_target else "top1")
    request = Request(methods, view_of(view), PREDICTIONS, picture_limit(max_pixels), classes, against)
    drawing = drawing_of(alpha=alpha, colormap=colormap, colorbar=False, scale=scale, full_size=False)
    output = FigureOutput(image, out, json, overwrite, quiet)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    if by_target and not method and is_open(defaults):
        first, *others = request.methods
        request = replace(request, methods=(*over_upper_layers([first], loaded.depth), *others))
    check_view(loaded, request)
    if by_target:
        _check_rows(loaded, request)
    with output.reported():
        with explaining(image, request.methods, shown=not quiet, many_flows=by in (BY_LAYER, BY_HEAD)):
            result = _explained(loaded, output.source, request, by)
        if output.folder is not None:
            arrangement = (by or "").removeprefix("-")
            output.write(f".compare{arrangement}.{form}", result, _figure(result, drawing, scale_per, form, by))
    shown = replace(result, predictions=result.predictions[:PREDICTIONS])
    output.tell(shown.to_record(display=drawing.scale), shown, _notices(shown, by))


def _arrangement(given: dict[str, bool]) -> str | None:
    """Return the one flag that was given, None for panels side by side; UsageError for several."""
    flags = [flag for flag, wanted in given.items() if wanted]
    if len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} exclude each other: give one of them")
    return flags[0] if flags else None


def _check_rows(model: LoadedModel, request: Request) -> None:
    """Raise UsageError if a figure by class would have more rows than are legible."""
    targets = request.targets(model)
    rows = 0 if targets is None else targets.count(model.num_classes)
    if rows > MOST_CLASSES:
        raise UsageError(
            f"--by-target draws one row a class: {rows} are too many, at most {MOST_CLASSES} are legible; give "
            "fewer with --target"
        )


def _explained(model: LoadedModel, source: PictureInput, request: Request, by: str | None) -> Result:
    from vitexplain.pipeline import explain_alone, explain_by_head, explain_by_layer

    if by == BY_TARGET:
        # The titles of the rows tell the probability of any class.
        request = replace(request, top_k=max(PREDICTIONS, model.num_classes))
    explained = {BY_LAYER: explain_by_layer, BY_HEAD: explain_by_head}.get(by or "", explain_alone)
    return explained(model, source, request)


def _figure(result: Result, drawing: Any, scale_per: Any, form: Any, by: str | None) -> bytes:
    """Return the file of the figure."""
    from vitexplain import figures

    if by == BY_TARGET:
        rows = figures.rows_by_target(result.explanations, result.predictions)
    else:
        arranged = {BY_LAYER: figures.rows_by_layer, BY_HEAD: figures.rows_by_head}
        rows = arranged.get(by or "", figures.side_by_side)(result.explanations)
    notes = [*result.picture.notices, *(f"{notice}." for notice in _notices(result, by))]
    if by == BY_HEAD:
        notes.append(HEADS_DIFFER)
    sheet = figures.draw_compare(result, rows, drawing, scale_per or "panel", notes)
    return figures.figure_file(sheet, form, result.picture.sha256)


def _notices(result: Result, by: str | None) -> list[str]:
    """Return what is to be known of each explanation; by layer and by head that would be a page."""
    from vitexplain.result import notices_of

    return [] if by in (BY_LAYER, BY_HEAD) else notices_of(result.explanations)
