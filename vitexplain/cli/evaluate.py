"""`vitexplain evaluate`: which methods to trust, judged on images, with controls and intervals."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitexplain.cli.evaluate_options import JudgedMethods, TableOptions
from vitexplain.cli.groups import grouped, only
from vitexplain.cli.method_options import TargetOptions
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import InputError

if TYPE_CHECKING:
    from vitexplain.evaluation import Evaluation

NAMED = 5
"""So many files or classes are named in a notice."""

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Image files, folders, tars, tables or remote addresses of them, '-' for one from stdin.",
    ),
]


@grouped
def evaluate(
    images: Images,
    model: ModelOptions,
    method: JudgedMethods,
    target: Annotated[TargetOptions, only("target", "reference_image")],
    picture: PictureOptions,
    output: Annotated[TableOptions, only("out", "json", "csv")],
    terminal: TerminalOptions,
) -> None:
    """Judge methods on images: how well do their scores agree with what the model really uses?

    Prints tables. With --out it keeps the scores of each image, so that the same command computes only what is
    missing, and writes rows (JSON Lines, CSV) and plots.
    """
    from vitexplain.cli.image_by_image import refuse
    from vitexplain.output.stores import is_remote

    if not any(path == "-" or is_remote(path) or os.path.exists(path) for path in images):  # noqa: PTH110
        raise typer.Exit(refuse(images, json=False))
    model.require_files()
    from vitexplain.cli.progress import Bars
    from vitexplain.evaluation import evaluate as judge
    from vitexplain.evaluation import list_images
    from vitexplain.render.opencv import opencv

    output.check()
    if output.out is not None:
        opencv()  # the plots need it: a machine without its system libraries is found before any work
    question = method.question(target, picture)
    listed = list_images(images, output.out)
    with terminal.loading():
        loaded = model.load(terminal)
    model.introduce(terminal)
    with Bars(terminal.quiet) as bars:
        evaluation = judge(loaded, listed, question, folder=output.out, progress=bars)
    if output.out is not None:
        _write(evaluation, output.out)
    _print(evaluation, json=output.json, csv=output.csv)
    _summary(evaluation, output.out, terminal.quiet)
    raise typer.Exit(_exit_code(evaluation))


def _write(evaluation: Evaluation, out: Path) -> None:
    """Write rows, tables and plots into the folder, replacing those of an earlier run."""
    from vitexplain.cli.flags import with_flags
    from vitexplain.evaluation.judged import judged
    from vitexplain.evaluation.metrics import PLOTS
    from vitexplain.evaluation.plot import plots
    from vitexplain.evaluation.tables import as_csv
    from vitexplain.output import line, write_files
    from vitexplain.output.run_folder import JUDGED

    if not evaluation.images:
        return
    rows, drawn = b"".join(line(record) for record in evaluation.records()), plots(evaluation)
    files = {"evaluation.jsonl": rows, "evaluation.csv": as_csv(evaluation).encode(), **drawn}
    files[JUDGED] = line(judged(evaluation, with_flags))
    write_files([(out / name, data) for name, data in files.items()], out)
    for name in PLOTS:
        if name not in drawn:  # of an earlier run that asked for more
            (out / name).unlink(missing_ok=True)


def _print(evaluation: Evaluation, *, json: bool, csv: bool) -> None:
    from vitexplain.cli.console import print_line, print_table
    from vitexplain.cli.flags import with_flags
    from vitexplain.evaluation.conclusion import conclusions
    from vitexplain.evaluation.tables import as_csv, tables
    from vitexplain.output import line

    if json or csv:
        if evaluation.images:
            data = b"".join(map(line, evaluation.records())) if json else as_csv(evaluation).encode()
            sys.stdout.write(data.decode())
            sys.stdout.flush()
        return
    for table in tables(evaluation):
        print_line(table.title)
        print_table(table.columns, table.rows)
        for note in table.notes:
            print_line(with_flags(note))
        print_line()
    for sentence in conclusions(evaluation):
        print_line(sentence)


def _summary(evaluation: Evaluation, out: Path | None, quiet: bool) -> None:
    """Print on stderr which images do not count, and where the files are."""
    from vitexplain.cli.console import say, say_warning

    for notice in evaluation.question.notices:
        say_warning(notice)
    if evaluation.repeated and not quiet:
        say_warning(f"{evaluation.repeated:,} given more than once: each image counts once")
    if evaluation.without_object and not quiet:
        say_warning(f"without box or mask, and so without localisation: {_images(evaluation.without_object)}")
    if evaluation.elsewhere and not quiet:
        say_warning(f"with a box or mask, but not among the images: {_some(evaluation.elsewhere)}")
    if evaluation.unknown_classes and not quiet:
        say_warning(
            f"classes of boxes that the model does not have: {_some(evaluation.unknown_classes)}; where none of a "
            "picture's boxes is of the class explained, all of them count"
        )
    if evaluation.failures:
        failed = len(evaluation.failures)
        say_warning(f"{_images(failed)} failed and {'is' if failed == 1 else 'are'} left out")
    if out is not None and evaluation.images and not quiet:
        say(f"scores, rows and plots: {out}")


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])}{f' and {more:,} more' if more > 0 else ''}"


def _exit_code(evaluation: Evaluation) -> int:
    codes = {failure.error.exit_code for failure in evaluation.failures}
    if not evaluation.images:
        return codes.pop() if len(codes) == 1 else InputError.exit_code
    return 1 if codes else 0
