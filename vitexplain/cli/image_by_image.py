"""`run`: explains its images one after the other, and reports on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vitexplain.cli.notices import printed_notices
from vitexplain.cli.picture_options import picture_input
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import InputError, OutputError, VitexplainError

if TYPE_CHECKING:
    from vitexplain.cli.showing import ShownPictures
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.pipeline import Request
    from vitexplain.render import Drawing
    from vitexplain.result import Failure, Result

_BOTH = "`folder=` with another name keeps both"


@dataclass
class ImageByImage:
    """One call of `run`."""

    model: LoadedModel
    request: Request
    drawing: Drawing
    write: WriteOptions | None
    json: bool
    terminal: TerminalOptions
    layers_chosen: bool
    introduce: Callable[[], None]
    """Says what model it is, which is called before the first result: an error needs no such words."""
    shown: ShownPictures | None = None

    def __post_init__(self) -> None:
        self._noted: dict[str, list[str]] = {}
        self._introduced = False

    def all(self, images: list[str]) -> int:
        """Explain every image and return the exit code."""
        from vitexplain.cli.progress import explaining
        from vitexplain.output import name_of, stems_of
        from vitexplain.pipeline import explain_many
        from vitexplain.result import Failure

        stems = stems_of([(path, name_of(path)) for path in images], self._occupied(images))
        codes: list[int] = []
        try:
            for number, (path, stem) in enumerate(zip(images, stems, strict=True), start=1):
                place = f" ({number} of {len(images)})" if len(images) > 1 else ""
                with explaining(path + place, self.request.methods, shown=not self.terminal.quiet):
                    (outcome,) = explain_many(self.model, [picture_input(path)], self.request)
                codes.append(_tell(outcome, self.json) if isinstance(outcome, Failure) else self._show(outcome, stem))
        except BrokenPipeError:  # nobody reads any more
            self._noted.clear()
            raise
        finally:
            self._say_notices(named=len(images) > 1)
        return _exit_code(codes)

    def _occupied(self, images: list[str]) -> set[str]:
        """Return the names of those images in the output folder itself that an overlay could replace."""
        if self.write is None or not self.write.folder.is_dir():
            return set()
        folder = self.write.folder.resolve()
        given = [Path(path) for path in images]
        return {path.name for path in given if path.suffix == f".{self.write.form}" and path.parent.resolve() == folder}

    def _show(self, result: Result, stem: str) -> int:
        from vitexplain.cli.console import print_record
        from vitexplain.cli.printed import print_result, title
        from vitexplain.output import Written, write_result
        from vitexplain.result import NO_BETTER, Failure, notices_of

        if self.write is None:
            written = Written(result.to_record(display=self.drawing.asked), ())
        else:
            try:
                written = write_result(result, self.write, stem)
            except OutputError as error:
                return _tell(Failure(result.picture.path, error, result.seconds), self.json)
        if not self._introduced:
            self.introduce()
            self._introduced = True
        if self.json:
            print_record(written.record)
        else:
            print_result(result, written.paths)
        if self.shown is not None:
            self.shown.show(result, self.drawing)
        replaced = f"the earlier record, of {', '.join(written.replaced)}, was replaced: {_BOTH}"
        older = f"{written.older} is a record of the same picture under the name that earlier versions gave it"
        explained = notices_of(result.explanations, self.drawing.asked)
        told = (
            *result.picture.notices,
            *result.notices,
            # The verdict of a check is part of the answer, which is printed above.
            *(notice for notice in explained if self.json or NO_BETTER not in notice),
            *([replaced] if written.replaced else []),
            *([older] if written.older else []),
        )
        for notice in printed_notices(told, layers_chosen=self.layers_chosen):
            self._noted.setdefault(notice, []).append(title(result))
        return 0

    def _say_notices(self, named: bool) -> None:
        """Print each notice once; `named`: with its image, or the number of images that it applies to."""
        for notice, titles in self._noted.items():
            of = titles[0] if len(titles) == 1 else f"{len(titles):,} images"
            self.terminal.warn(f"{of}: {notice}" if named else notice)


def refuse(images: list[str], json: bool) -> int:
    """Report why none of the inputs can be read, without loading a model, and return the exit code."""
    from vitexplain.images import open_picture
    from vitexplain.result import Failure

    codes = []
    for path in images:
        try:
            open_picture(path)
        except VitexplainError as error:
            codes.append(_tell(Failure(path, error, {}), json))
    return _exit_code(codes)


def _tell(failure: Failure, json: bool) -> int:
    from vitexplain.cli.console import say_error

    if json:
        typer.echo(failure.to_json())
    say_error(str(failure.error))
    return failure.error.exit_code


def _exit_code(codes: list[int]) -> int:
    """Return the exit code of a call from those of its images."""
    if codes and all(codes):  # all failed, or the only one did: for the same reason, or for several
        return codes[0] if len(set(codes)) == 1 else InputError.exit_code
    return 1 if any(codes) else 0
