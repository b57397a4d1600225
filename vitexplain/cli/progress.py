"""Progress of long commands, on stderr if that is a terminal: a bar over many images, a spinner for one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from vitexplain.cli.console import console_for, error_line, warning_line

if TYPE_CHECKING:
    from rich.progress import Progress

    from vitexplain.methods import Method


class ImageProgress:
    """A bar over `total` images, `done` of them already; errors are printed above it. `shown` False draws no bar.

    `title` says what is being done, where that is not obvious, `unit` what is counted where it is no images.
    """

    def __init__(self, total: int = 0, done: int = 0, *, shown: bool, title: str = "", unit: str = "images") -> None:
        self._total, self._done, self._failed, self._counted = total, done, 0, 0
        self._title, self._unit = title, unit
        self._bar: Progress | None = None
        self._console = console_for(sys.stderr)
        if shown and self._console.is_terminal:
            self._bar = self._made()

    def __enter__(self) -> ImageProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, error: str | None = None) -> None:
        """Count one image; `error` is what it failed with."""
        self._counted += 1
        if error is not None:
            self._failed += 1
            self._console.print(error_line(error), soft_wrap=True)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=1, failed=self._failed)

    def found(self, total: int, done: int) -> None:
        """Take in that there are `total` images, `done` of them before this run; more may be found later."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], total=total, completed=done + self._counted)

    def warn(self, message: str) -> None:
        """Print a notice above the bar."""
        self._console.print(warning_line(message), soft_wrap=True)

    def _made(self) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
        from rich.text import Text

        this = self

        class Pace(ProgressColumn):
            """Images a second of this run, and the time that the others take at this pace."""

            def render(self, task: Task) -> Text:
                return Text(pace_in_words(this._counted, task.elapsed, int(task.remaining or 0), this._unit))

        failed = TextColumn("{task.fields[failed]} failed")
        title = [TextColumn("{task.description}")] if self._title else []
        bar = Progress(*title, BarColumn(), MofNCompleteColumn(), failed, Pace(), console=self._console)
        bar.add_task(self._title, total=self._total, completed=self._done, failed=0)
        return bar


def pace_in_words(count: int, seconds: float | None, left: int, unit: str = "images") -> str:
    """Return the images a second of `count` images in `seconds`, and how long `left` others take; "" before any is."""
    if count < 1 or not seconds:
        return ""
    rate = count / seconds
    minutes, rest = divmod(round(left / rate), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{rate:.1f} {unit}/s, {hours}:{minutes:02}:{rest:02} left"


class Bars:
    """A bar for each part of the work, one after the other."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: ImageProgress | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def begin(self, what: str, total: int) -> None:
        """Show a new bar."""
        self._end()
        self._bar = ImageProgress(total, 0, shown=not self._quiet, title=what)
        self._bar.__enter__()

    def advance(self, error: str | None = None) -> None:
        """Count one image."""
        assert self._bar is not None
        self._bar.advance(error)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


@contextmanager
def explaining(image: str, methods: Sequence[Method], *, shown: bool, many_flows: bool = False) -> Iterator[None]:
    """Show a spinner, the slow methods and the time spent while one image is explained; it disappears at the end.

    Slow are methods that run the model many times and, where each method is computed for every layer or every head
    (`many_flows`), flow.
    """
    slow = dict.fromkeys(
        method.name for method in methods if "model" in method.needs or (many_flows and method.name == "flow")
    )
    from vitexplain.images.files import shown as printable

    console = console_for(sys.stderr)
    if not (slow and shown and console.is_terminal):
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    words = TextColumn("{task.description}", markup=False)
    with Progress(SpinnerColumn(), words, TimeElapsedColumn(), console=console, transient=True) as line:
        line.add_task(f"{printable(image)}: {', '.join(slow)}", total=None)
        yield


@contextmanager
def waiting(for_what: str, *, shown: bool) -> Iterator[None]:
    """Show on a terminal what is waited for, until it is there; other bars may be drawn over it, that of a download."""
    stream = console_for(sys.stderr)
    if not (shown and stream.is_terminal):
        yield
        return
    stream.file.write(for_what)
    stream.file.flush()
    try:
        yield
    finally:
        stream.file.write("\r\x1b[2K")
        stream.file.flush()
