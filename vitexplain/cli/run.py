"""`vitexplain run`: classify images, explain the predictions, write overlays and records."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.groups import grouped, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions
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
    output: OutputOptions,
    terminal: TerminalOptions,
) -> None:
    """Classify images, explain each prediction, and write an overlay and a JSON record."""
    from vitexplain.cli.image_by_image import ImageByImage, refuse

    request = method.request(target, picture, output, check, verify=target.verify)
    write = output.write_options()
    # os.path answers False where Path.is_file raises, as for a name that is too long.
    if not any(path == "-" or os.path.isfile(path) for path in images):  # noqa: PTH113
        raise typer.Exit(refuse(images, output.json))
    loaded, request = model.load_for(request, terminal)
    command = ImageByImage(
        loaded,
        request,
        output.drawing(),
        write,
        output.json,
        terminal,
        layers_chosen=method.choose_layers(method.method),
    )
    raise typer.Exit(command.all(images))
