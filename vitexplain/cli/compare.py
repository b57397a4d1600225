"""`vitexplain compare`: one figure of an image, with its prediction and several explanations side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from vitexplain.cli.compare_options import BY_HEAD, BY_LAYER, BY_TARGET, ComparedMethods, ComparedTarget, FigureOptions
from vitexplain.cli.figure_output import Image
from vitexplain.cli.groups import grouped, only
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import DRAWN, OutputOptions
from vitexplain.cli.picture_options import PictureOptions, picture_input
from vitexplain.cli.showing import ShowOptions
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.images import PictureInput
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request
    from vitexplain.render import Drawing
    from vitexplain.result import Result

PREDICTIONS = 3
MOST_CLASSES = 40
"""Rows of a figure by class; more would not be legible."""

HEADS_DIFFER = "Head numbers do not correspond between layers: a column is not one head that runs through the model."


@grouped
def compare(
    image: Image,
    model: ModelOptions,
    method: ComparedMethods,
    target: ComparedTarget,
    picture: PictureOptions,
    figure: FigureOptions,
    output: Annotated[OutputOptions, only(*DRAWN, "out", "json", "overwrite")],
    show: ShowOptions,
    terminal: TerminalOptions,
) -> None:
    """Draw one figure of an image: its prediction, and methods side by side, by layer, by head or by class."""
    from vitexplain.cli.figure_output import FigureOutput

    written = FigureOutput(image, output, terminal)
    written.require_image()
    in_terminal = show.shown_in(terminal, json=output.json)
    model.require_files()
    from vitexplain.cli.progress import explaining
    from vitexplain.pipeline import AS_THEY_ARE, Request
    from vitexplain.pipeline import BY_HEAD as EACH_HEAD
    from vitexplain.pipeline import BY_LAYER as EACH_LAYER
    from vitexplain.render.opencv import opencv

    if written.folder is not None:
        opencv()  # a machine without its system libraries is found before any work
    by = method.arrangement
    figure.check(output.scale)
    request = Request(
        method.chosen(),
        picture.view_kind,
        PREDICTIONS,
        picture.limit,
        target.classes_of(by),
        target.against,
        target.reference_image,
        {BY_LAYER: EACH_LAYER, BY_HEAD: EACH_HEAD}.get(by or "", AS_THEY_ARE),
    )
    drawing = output.drawing()
    with terminal.loading():
        loaded, request = model.load_for(request, terminal, named=bool(method.method))
    if by == BY_TARGET:
        _check_rows(loaded, request)
    with written.reported():
        with explaining(image, request.methods, shown=not terminal.quiet, many_flows=by in (BY_LAYER, BY_HEAD)):
            result = _explained(loaded, picture_input(image), request, by)
        if written.folder is not None:
            ending = f".compare{(by or '').removeprefix('-')}.{figure.form}"
            written.write(ending, result, *_figure(result, drawing, figure, by))
    shown = replace(result, predictions=result.predictions[:PREDICTIONS])
    model.introduce(terminal, request.notices)
    notices = _notices(shown, by, drawing)
    written.tell(
        shown.to_record(display=drawing.asked), shown, notices, layers_chosen=method.choose_layers(method.method)
    )
    if in_terminal is not None:
        in_terminal.show(shown, drawing)


def _check_rows(model: LoadedModel, request: Request) -> None:
    """Raise UsageError if a figure by class would have more rows than are legible."""
    from vitexplain.pipeline.targets import Targets

    targets = request.targets(model)
    rows = targets.count(model.num_classes) if isinstance(targets, Targets) else 0
    if rows > MOST_CLASSES:
        raise UsageError(
            f"--by-target draws one row per class: {rows} are too many, at most {MOST_CLASSES} are legible; name "
            "fewer with --target"
        )


def _explained(model: LoadedModel, image: PictureInput, request: Request, by: str | None) -> Result:
    from vitexplain.pipeline import explain

    if by == BY_TARGET:
        # The rows' titles state the probability of their class, whatever it is.
        request = replace(request, top_k=max(PREDICTIONS, model.num_classes))
    return explain(model, image, request)


def _figure(result: Result, drawing: Drawing, options: FigureOptions, by: str | None) -> list[bytes]:
    """Return the files of the figure's pages."""
    from vitexplain import figures
    from vitexplain.cli.flags import with_flags

    if by == BY_TARGET:
        rows = figures.rows_by_target(result.explanations, result.predictions)
    else:
        arranged = {BY_LAYER: figures.rows_by_layer, BY_HEAD: figures.rows_by_head}
        rows = arranged.get(by or "", figures.side_by_side)(result.explanations)
    notes = [*result.picture.notices, *(with_flags(f"{notice}.") for notice in _notices(result, by, drawing))]
    if by == BY_HEAD:
        notes.append(HEADS_DIFFER)
    scale_per: Any = options.scale_per or "panel"
    form: Any = options.form
    sheets = figures.draw_compare(result, rows, drawing, scale_per, notes)
    return figures.page_files(sheets, form, result.picture.sha256)


def _notices(result: Result, by: str | None, drawing: Drawing) -> list[str]:
    """Return the notices of each explanation; by layer and by head, of how many panels each is true."""
    from vitexplain.result import notices_of

    if by not in (BY_LAYER, BY_HEAD):
        return notices_of(result.explanations, drawing.asked)
    count = Counter(
        _without_numbers(notice)
        for each in result.explanations
        for notice in dict.fromkeys(each.notices_at(drawing.asked(each)))
    )
    panels = len(result.explanations)
    return [f"{number} of {panels} panels: {notice}" for notice, number in count.most_common()]


def _without_numbers(notice: str) -> str:
    """Return what a notice says of every panel that it is true of."""
    from vitexplain.result import STRETCHED
    from vitexplain.tokens import OF_TOKENS

    if notice.startswith(STRETCHED):
        return f"{STRETCHED} by a few patches"
    if notice.startswith(OF_TOKENS):
        return f"{OF_TOKENS} that layer, each of which already holds some of the other patches"
    return notice.partition(":")[0]  # numbers come after the colon
