"""`vitexplain compare`: one figure of an image with its prediction and explanations of it beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vitexplain.cli import options as o
from vitexplain.cli.figure_output import Format, Image
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request
    from vitexplain.result import Result

HEADS_DIFFER = "Head numbers do not correspond between layers: a column is no single head that goes through the model."


def compare(
    image: Image,
    model: o.Model = None,
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    method: o.Methods = ["raw", "rollout", "flow"],  # noqa: B006 - typer copies it
    by_layer: Annotated[
        bool,
        typer.Option(
            "--by-layer",
            help="One row a method, one column a layer k: the graph cut off after layers 1 to k.",
            rich_help_panel=o.METHOD,
        ),
    ] = False,
    by_head: Annotated[
        bool,
        typer.Option(
            "--by-head",
            help="One column a head: raw attention in a row for each layer, rollout and flow with one head number "
            "throughout. Head numbers do not correspond between layers.",
            rich_help_panel=o.METHOD,
        ),
    ] = False,
    fusion: o.Fusion = None,
    head: o.Head = None,
    residual: o.Residual = None,
    discard: o.Discard = None,
    layers: o.Layers = None,
    source: o.Source = None,
    fill: o.Fill = None,
    window: o.Window = None,
    seed: o.Seed = None,
    target: o.Target = "top1",
    against: o.Against = None,
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    form: Format = "png",
    scale_per: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Option(
            "--scale-per",
            help="What has one colour scale: every panel its own (default), all panels of a method, or of the figure.",
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
    """Draw one figure of an image: its prediction, and methods beside each other, by layer or by head."""
    from vitexplain.cli.arguments import drawing_of, load_chosen_model, method_defaults, picture_limit, view_of
    from vitexplain.cli.figure_output import FigureOutput, check_choice
    from vitexplain.methods import parse_methods
    from vitexplain.pipeline import Request, check_view

    if by_layer and by_head:
        raise UsageError("--by-layer and --by-head exclude each other: give one of them")
    if scale is not None and scale_per is not None:
        raise UsageError("--scale and --scale-per exclude each other: give one of them")
    check_choice("scale-per", scale_per or "panel", ("panel", "method", "figure"))
    check_choice("format", form, ("png", "svg", "pdf"))
    defaults = method_defaults(
        fusion=fusion,
        head=head,
        residual=residual,
        discard=discard,
        layers=layers,
        source=source,
        fill=fill,
        window=window,
        seed=seed,
    )
    methods = parse_methods(method, defaults)
    request = Request(methods, view_of(view), 3, picture_limit(max_pixels), target, against)
    drawing = drawing_of(alpha=alpha, colormap=colormap, colorbar=False, scale=scale, full_size=False)
    output = FigureOutput(image, out, json, overwrite, quiet)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    check_view(loaded, request)
    with output.reported():
        result = _explained(loaded, output.source, request, by_layer, by_head)
        if output.folder is not None:
            output.write(f".compare.{form}", result, _figure(result, drawing, scale_per, form, by_layer, by_head))
    output.tell(result.to_record(display=drawing.scale), result)


def _explained(model: LoadedModel, source: Any, request: Request, by_layer: bool, by_head: bool) -> Result:
    from vitexplain.pipeline import explain_alone, explain_by_head, explain_by_layer

    explained = explain_by_layer if by_layer else explain_by_head if by_head else explain_alone
    return explained(model, source, request)


def _figure(result: Result, drawing: Any, scale_per: Any, form: Any, by_layer: bool, by_head: bool) -> bytes:
    """Return the file of the figure."""
    from vitexplain.figures import draw_compare, figure_file, rows_by_head, rows_by_layer, side_by_side

    arranged = rows_by_layer if by_layer else rows_by_head if by_head else side_by_side
    rows = arranged(result.explanations)
    notes = [HEADS_DIFFER] if by_head else []
    if not (by_layer or by_head):
        notes = [f"{each.spec}: {notice}." for each in result.explanations for notice in each.notices]
    sheet = draw_compare(result, rows, drawing, scale_per or "panel", [*result.picture.notices, *notes])
    return figure_file(sheet, form, result.picture.sha256)
