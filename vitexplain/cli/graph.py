"""`vitexplain graph`: the attention graph of an image, drawn or exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from vitexplain.cli.declared import declared_options
from vitexplain.cli.figure_output import Image
from vitexplain.cli.graph_options import DRAWINGS, ExportOptions, PathOptions
from vitexplain.cli.groups import grouped, only
from vitexplain.cli.method_options import MethodFlags
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions, picture_input
from vitexplain.cli.terminal_options import TerminalOptions

if TYPE_CHECKING:
    from vitexplain.attention import LayeredGraph
    from vitexplain.graph import PatchFlow, Path
    from vitexplain.result import Result

DRAWN_PATHS = 50


@grouped
def graph(
    image: Image,
    model: ModelOptions,
    shown: PathOptions,
    method: Annotated[MethodFlags, only(*(name for name in declared_options("rollout") if name != "smooth"))],
    picture: PictureOptions,
    export: ExportOptions,
    output: Annotated[OutputOptions, only("out", "json", "overwrite")],
    terminal: TerminalOptions,
) -> None:
    """Draw or export the attention graph: the strongest paths of rollout, or the flow to one patch with its cut."""
    from vitexplain.cli.figure_output import FigureOutput

    written = FigureOutput(image, output, terminal)
    written.require_image()
    model.require_files()
    from vitexplain.graph import flow_to as find_flow
    from vitexplain.graph import strongest_paths
    from vitexplain.methods import parse_methods
    from vitexplain.output.graph_record import graph_record
    from vitexplain.pipeline import Request, explain, keeping_graphs
    from vitexplain.render.opencv import opencv

    export.check(shown.top)
    if written.folder is not None and export.form == "png":
        opencv()  # a machine without its system libraries is found before any work
    patch = shown.patch
    graphs: list[LayeredGraph] = []
    request = Request(
        parse_methods(["rollout"], method.flags),
        picture.view_kind,
        3,
        picture.limit,
        variants=keeping_graphs(graphs),
    )
    with terminal.loading():
        loaded, request = model.load_for(request, terminal)
    with written.reported():
        result = explain(loaded, picture_input(image), request)
        (found,) = graphs
        flow = None if patch is None else find_flow(found, found.grid.token_of_patch(*patch))
        count = DRAWN_PATHS if shown.top is None else shown.top
        paths = strongest_paths(found, count) if flow is None else flow.widest_paths(count)
        record = graph_record(result, found, paths, flow)
        if written.folder is not None:
            if export.form in DRAWINGS:
                data = _drawing(result, found, paths, flow, export.form)
            else:
                data = _export(record, found, None if shown.top is None else paths, flow, export)
            of = "" if patch is None else "-flow-to-{}-{}".format(*patch)
            written.write(f".graph{of}.{export.form}", result, data)
    model.introduce(terminal, request.notices)
    written.tell(record, result, said=_said(result, found, paths, flow))


def _drawing(result: Result, graph: LayeredGraph, paths: tuple[Path, ...], flow: PatchFlow | None, form: Any) -> bytes:
    """Return the file of the drawing."""
    from vitexplain.figures import about_drawn, draw_graph, figure_file, title_of

    notes = [] if flow is None else [about_drawn(flow, paths)]
    notes += [f"{notice}." for notice in result.picture.notices]
    title, said = title_of(result, graph, flow, len(paths)), _said(result, graph, paths, flow)
    sheet = draw_graph(result, graph, paths, flow, title=title, said=said, notes=notes)
    return figure_file(sheet, form, result.picture.sha256)


def _said(result: Result, graph: LayeredGraph, paths: tuple[Path, ...], flow: PatchFlow | None) -> str:
    """Return what one sees, which the drawing and the terminal say alike."""
    from vitexplain.figures import about_flow, about_paths

    return about_paths(result, graph, paths) if flow is None else about_flow(graph, flow)


def _export(
    record: dict[str, Any],
    graph: LayeredGraph,
    paths: tuple[Path, ...] | None,
    flow: PatchFlow | None,
    options: ExportOptions,
) -> bytes:
    """Return the file of the graph; LimitError for a large graph without --all."""
    from vitexplain.graph import export, require_exportable, to_networkx
    from vitexplain.images.files import shown

    form: Any = options.form
    if paths is None and not options.everything:
        require_exportable(graph, form)
    image, model = record["image"], shown(record["model"]["name"])
    about = {"image": shown(image["path"] or ""), "sha256": image["sha256"], "model": model, "spec": record["spec"]}
    return export(to_networkx(graph, paths, flow, about), form, image["sha256"], record)
