"""`vitexplain animate`: an explanation as a moving picture, over the layers or while its patches are removed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from vitexplain.cli.animate_options import AnimationOptions
from vitexplain.cli.figure_output import Image
from vitexplain.cli.groups import grouped, only
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import DRAWN, OutputOptions
from vitexplain.cli.picture_options import PictureOptions, picture_input
from vitexplain.cli.terminal_options import TerminalOptions

if TYPE_CHECKING:
    from vitexplain.methods.deletion import Deletion
    from vitexplain.render import Drawing
    from vitexplain.result import Explanation, Result

PREDICTIONS = 3


@grouped
def animate(
    image: Image,
    model: ModelOptions,
    method: MethodOptions,
    target: TargetOptions,
    picture: PictureOptions,
    moving: AnimationOptions,
    output: Annotated[OutputOptions, only(*DRAWN, "out", "json", "overwrite")],
    terminal: TerminalOptions,
) -> None:
    """Draw an explanation as a moving picture: layer by layer, or while the patches are removed that it ranks highest.

    With --over deletion each frame has the probability of the class, and the curve so far beside that of a random
    order.
    """
    from vitexplain.cli.figure_output import FigureOutput

    written = FigureOutput(image, output, terminal)
    written.require_image()
    model.require_files()
    from vitexplain.cli.progress import explaining
    from vitexplain.output.animation_record import deletion_record, layers_record
    from vitexplain.pipeline import Request, explain
    from vitexplain.render.opencv import opencv
    from vitexplain.result import notices_of

    if written.folder is not None:
        opencv()  # a machine without its system libraries is found before any work
    deletions: list[Deletion] = []
    methods, variants = moving.shown(method, deletions)
    request = Request(
        methods,
        picture.view_kind,
        PREDICTIONS,
        picture.limit,
        target.classes,
        target.against,
        target.reference_image,
        variants,
    )
    drawing = output.drawing()
    with terminal.loading():
        loaded, request = model.load_for(request, terminal)
    moving.check(request, loaded)
    # A title states the probability of its class, whatever it is.
    asked = replace(request, top_k=max(PREDICTIONS, loaded.num_classes))
    with written.reported():
        with explaining(image, request.methods, shown=not terminal.quiet, many_flows=moving.by_layer):
            result = explain(loaded, picture_input(image), asked)
        explanations = moving.chosen_of(result.explanations)
        if written.folder is not None:
            written.write(moving.ending, result, _file(result, explanations, deletions, drawing, moving))
    shown = replace(result, predictions=result.predictions[:PREDICTIONS], explanations=explanations)
    if deletions:
        record = deletion_record(shown, explanations[0], deletions[0])
    else:
        record = layers_record(shown, explanations, drawing.asked)
    model.introduce(terminal, request.notices)
    notices = notices_of(explanations[-1:], drawing.asked)
    written.tell(record, shown, notices, layers_chosen=method.choose_layers(method.method))


def _file(
    result: Result,
    explanations: tuple[Explanation, ...],
    deletions: list[Deletion],
    drawing: Drawing,
    moving: AnimationOptions,
) -> bytes:
    """Return the file of the animation."""
    from vitexplain.figures import deletion_frames, layer_frames
    from vitexplain.render.moving import moving_file

    if deletions:
        frames = deletion_frames(result, explanations[0], deletions[0], drawing)
    else:
        frames = layer_frames(result, explanations, drawing)
    form: Any = moving.form
    return moving_file([frame.drawn(moving.size) for frame in frames], moving.duration, form, result.picture.sha256)
