"""`vitexplain graph`: the attention graph of an image, drawn or exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vitexplain.cli import method_options as m
from vitexplain.cli import options as o
from vitexplain.cli.figure_output import Image, format_option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.attention import LayeredGraph
    from vitexplain.graph import PatchFlow, Path
    from vitexplain.result import Result

DRAWN_PATHS = 50
DRAWINGS, EXPORTS = ("svg", "png", "pdf"), ("graphml", "json", "dot")


def graph(
    image: Image,
    model: o.Model = None,
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    top: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Option(
            "--top",
            min=1,
            max=100_000,
            help="The strongest paths of rollout, or the widest of the flow: so many (50 in a drawing; an export has "
            "the whole graph by default, of more than 100,000 edges only with --all).",
            rich_help_panel=o.METHOD,
        ),
    ] = None,
    flow_to: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--flow-to",
            metavar="ROW,COL",
            help="The maximum flow to this patch, counted from 0, with its minimum cut.",
            rich_help_panel=o.METHOD,
        ),
    ] = None,
    fusion: m.Fusion = None,
    head: m.Head = None,
    residual: m.Residual = None,
    discard: m.Discard = None,
    layers: m.Layers = None,
    source: m.Source = None,
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    form: Annotated[str, format_option("; or an export: graphml, json (networkx' node-link form), dot")] = "svg",
    everything: Annotated[
        bool,
        typer.Option("--all", help="Export more than 100,000 edges.", rich_help_panel=o.OUTPUT),
    ] = False,
    out: o.Out = None,
    json: o.Json = False,
    overwrite: o.Overwrite = False,
    threads: o.Threads = None,
    quiet: o.Quiet = False,
) -> None:
    """Draw or export the attention graph: the strongest paths of rollout, or the flow to one patch with its cut."""
    from vitexplain.cli.arguments import load_chosen_model, method_defaults, picture_limit, view_of
    from vitexplain.cli.figure_output import FigureOutput, check_choice
    from vitexplain.graph import flow_to as find_flow
    from vitexplain.graph import strongest_paths
    from vitexplain.methods import parse_methods
    from vitexplain.output.graph_record import graph_record
    from vitexplain.pipeline import Request, explain, keeping_graphs

    check_choice("format", form, (*DRAWINGS, *EXPORTS))
    if everything and (form in DRAWINGS or top is not None):
        raise UsageError("--all exports the whole graph: leave out --top, and give --format graphml, json or dot")
    patch = None if flow_to is None else _patch(flow_to)
    defaults = method_defaults(
        fusion=fusion, head=head, residual=residual, discard=discard, layers=layers, source=source
    )
    graphs: list[LayeredGraph] = []
    request = Request(
        parse_methods(["rollout"], defaults),
        view_of(view),
        3,
        picture_limit(max_pixels),
        variants=keeping_graphs(graphs),
    )
    output = FigureOutput(image, out, json, overwrite, quiet)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    request = request.for_model(loaded)
    with output.reported():
        result = explain(loaded, output.source, request)
        (found,) = graphs
        flow = None if patch is None else find_flow(found, found.grid.token_of_patch(*patch))
        count = DRAWN_PATHS if top is None else top
        paths = strongest_paths(found, count) if flow is None else flow.widest_paths(count)
        record = graph_record(result, found, paths, flow)
        if output.folder is not None:
            if form in DRAWINGS:
                data = _drawing(result, found, paths, flow, form)
            else:
                data = _export(record, found, None if top is None else paths, flow, form, everything)
            of = "" if patch is None else "-flow-to-{}-{}".format(*patch)
            output.write(f".graph{of}.{form}", result, data)
    output.tell(record, result)


def _patch(text: str) -> tuple[int, int]:
    row, _, col = text.partition(",")
    if not (row.isascii() and row.isdigit() and col.isascii() and col.isdigit()):
        raise UsageError(f"flow-to '{text}' is not valid: expected ROW,COL of a patch, counted from 0")
    return int(row), int(col)


def _drawing(result: Result, graph: LayeredGraph, paths: tuple[Path, ...], flow: PatchFlow | None, form: Any) -> bytes:
    """Return the file of the drawing."""
    from vitexplain.figures import about_flow, about_paths, draw_graph, figure_file, title_of

    notes = [about_paths(result, graph, paths)] if flow is None else about_flow(graph, flow, paths)
    notes += [f"{notice}." for notice in result.picture.notices]
    sheet = draw_graph(result, graph, paths, flow, title=title_of(result, graph, flow, len(paths)), notes=notes)
    return figure_file(sheet, form, result.picture.sha256)


def _export(
    record: dict[str, Any],
    graph: LayeredGraph,
    paths: tuple[Path, ...] | None,
    flow: PatchFlow | None,
    form: Any,
    everything: bool,
) -> bytes:
    """Return the file of the graph; LimitError for a whole graph that is large and was not asked for with --all."""
    from vitexplain.graph import export, require_exportable, to_networkx
    from vitexplain.images.files import shown

    if paths is None and not everything:
        require_exportable(graph, form)
    image, model = record["image"], record["model"]
    about = {"image": shown(image["path"] or ""), "sha256": image["sha256"], "model": shown(model["name"])}
    about["spec"] = record["spec"]
    return export(to_networkx(graph, paths, flow, about), form, image["sha256"], record)
