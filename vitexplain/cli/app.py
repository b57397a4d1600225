"""The command line: all commands under one roof, and the one door where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from vitexplain.cli.batch import batch
from vitexplain.cli.compare import compare
from vitexplain.cli.evaluate import evaluate
from vitexplain.cli.graph import graph
from vitexplain.cli.info import methods, schema
from vitexplain.cli.models import models
from vitexplain.cli.run import run
from vitexplain.errors import VitexplainError

INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143

app = typer.Typer(
    name="vitexplain",
    help="Explain what a Vision Transformer based its prediction on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, batch, compare, graph, evaluate, models, methods, schema):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from vitexplain import __version__

        typer.echo(f"vitexplain {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run_app() -> NoReturn:
    """Run the command line and end the process; a bug keeps its traceback, what a user can cause is one line."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(standalone_mode=True)
    except VitexplainError as error:
        from vitexplain.cli.console import say_error

        say_error(str(error))
        _leave(error.exit_code)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _close_pipe()
    except SystemExit as end:
        # typer makes 1 of a closed pipe.
        if isinstance(end.__context__, BrokenPipeError):
            _close_pipe()
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        _leave(code)
    _leave(0)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _leave(code: int) -> NoReturn:
    """End the process after stdout is written; a reader that has gone away is no error of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_pipe()
    raise SystemExit(code)


def _close_pipe() -> NoReturn:
    """End quietly; stdout points nowhere from here on, so that the interpreter's own flush cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(CLOSED_PIPE)
