"""`vitexplain run`: classify images, explain the predictions, write overlays and records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.overlay_options import OverlayOptions
from vitexplain.cli.picture_options import PictureOptions, may_be_read
from vitexplain.cli.showing import ShowOptions
from vitexplain.cli.terminal_options import TerminalOptions

Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files; '-' reads one from stdin.")]


@dataclass(frozen=True)
class RunTarget(TargetOptions):
    """The class that is explained, and whether flows are verified."""

    verify: bool = option(
        False,
        "Build every patch's flow edge by edge, check it against its cut, and report the largest gap (flow).",
        expert=True,
    )


@grouped
def run(
    images: Images,
    model: ModelOptions,
    method: MethodOptions,
    target: RunTarget,
    check: CheckOptions,
    picture: PictureOptions,
    output: OverlayOptions,
    show: ShowOptions,
    terminal: TerminalOptions,
) -> None:
    """Classify images, explain each prediction, and write an overlay and a JSON record."""
    from vitexplain.cli.image_by_image import ImageByImage, refuse

    if not any(map(may_be_read, images)):
        raise typer.Exit(refuse(images, output.json))
    shown = show.shown_in(terminal, json=output.json)
    model.require_files()
    with terminal.loading():
        request = method.request(target, picture, output, check, verify=target.verify)
        write = output.written()
        loaded, request = model.load_for(request, terminal)
    command = ImageByImage(
        loaded,
        request,
        output.drawing(),
        write,
        output.json,
        terminal,
        layers_chosen=method.choose_layers(method.method),
        introduce=lambda: model.introduce(terminal, request.notices),
        shown=shown,
    )
    raise typer.Exit(command.all(images))
