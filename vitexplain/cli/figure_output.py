"""What `compare`, `animate` and `graph` share: where their one file goes, and what is printed about it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitexplain.cli.groups import option
from vitexplain.cli.notices import printed_notices
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import may_be_read
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import UsageError, VitexplainError

if TYPE_CHECKING:
    from vitexplain.result import Result


Image = Annotated[str, typer.Argument(metavar="IMAGE", help="An image file; '-' reads one from stdin.")]


def format_option(default: str, words: str = "png, svg or pdf") -> Any:
    """Declare --format; `words` is what the help says it takes."""
    return option(default, f"{words}.", flags=["--format"], metavar="FORMAT")


def check_choice(name: str, given: str, choices: Sequence[str]) -> None:
    """Raise UsageError unless `given` is one of the words that the option `name` takes."""
    if given not in choices:
        raise UsageError(f"{name} '{given}' is not valid: expected {', '.join(choices[:-1])} or {choices[-1]}")


class FigureOutput:
    """The figure of one call; the folder is checked before the work starts. With --json alone nothing is written."""

    def __init__(self, image: str, options: OutputOptions, terminal: TerminalOptions) -> None:
        from vitexplain.output import require_folder

        self.image = image
        self.folder = options.folder
        self.paths: tuple[Path, ...] = ()
        self._options, self._terminal = options, terminal
        if self.folder is not None:
            require_folder(self.folder)

    def require_image(self) -> None:
        """Raise why the image cannot be read if there is no such file, before a model is loaded for it."""
        from vitexplain.images import open_picture

        if not may_be_read(self.image):
            with self.reported():
                open_picture(self.image)

    @contextmanager
    def reported(self) -> Iterator[None]:
        """With --json, print the record of a failure: the image cannot be explained, or the figure not be written."""
        from vitexplain.result import Failure

        started = time.perf_counter()
        try:
            yield
        except VitexplainError as error:
            if self._options.json:
                typer.echo(Failure(self.image, error, {"total": time.perf_counter() - started}).to_json())
            raise

    def write(self, ending: str, result: Result, *pages: bytes) -> None:
        """Write the figure of this call; OutputError if it cannot be written or belongs to another image."""
        from vitexplain.images.files import shown
        from vitexplain.output import write_pages

        assert self.folder is not None
        overwrite = self._options.overwrite
        self.paths, left = write_pages(self.folder, self.image, ending, pages, result.picture.sha256, overwrite)
        if left:
            names = ", ".join(shown(path.name) for path in left)
            self._terminal.warn(f"left from an earlier figure, which had other pages: {names}")

    def tell(
        self,
        record: Mapping[str, Any],
        result: Result,
        notices: Sequence[str] = (),
        *,
        said: str | None = None,
        layers_chosen: bool = True,
    ) -> None:
        """Print the record as JSON, or the prediction, what is `said` and the path of each file.

        `notices` and the result's go to stderr, those about layers only where these were chosen.
        """
        from vitexplain.cli.console import print_line, print_record
        from vitexplain.cli.printed import title
        from vitexplain.result import class_name

        if self._options.json:
            print_record(record)
        else:
            print_line(title(result))
            for prediction in result.predictions[:1]:
                print_line(f"prediction: {class_name(prediction)}, {prediction.shown}")
            if said is not None:
                print_line(said)
            for path in self.paths:
                from vitexplain.figures import FIGURE_FORMATS
                from vitexplain.render.moving import MOVING_FORMATS

                form = path.suffix[1:]
                kind = "animation" if form in MOVING_FORMATS else "figure" if form in FIGURE_FORMATS else "graph"
                print_line(f"{kind}: {path}")
        told = (*result.picture.notices, *result.notices, *notices)
        for notice in printed_notices(told, layers_chosen=layers_chosen):
            self._terminal.warn(notice)
