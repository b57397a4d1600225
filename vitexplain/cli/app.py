"""The command line: all commands, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from vitexplain.cli.animate import animate
from vitexplain.cli.batch import batch
from vitexplain.cli.compare import compare
from vitexplain.cli.doctor import doctor
from vitexplain.cli.evaluate import evaluate
from vitexplain.cli.graph import graph
from vitexplain.cli.guide import guide
from vitexplain.cli.help import Command, Commands
from vitexplain.cli.info import methods, schema
from vitexplain.cli.merge import merge
from vitexplain.cli.models import models
from vitexplain.cli.processors import wait_passively
from vitexplain.cli.report import report
from vitexplain.cli.run import run
from vitexplain.cli.streams import discard_stdout, open_streams
from vitexplain.errors import OutputError, UsageError, VitexplainError

INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143
_STDOUT_LOST = "cannot write to stdout: {}; redirect it to another place"
_FULL = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT)

app = typer.Typer(
    name="vitexplain",
    cls=Commands,
    help="Explain what a Vision Transformer based its prediction on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, batch, compare, animate, graph, evaluate, report, merge, models, methods, doctor, schema, guide):
    app.command(cls=Command)(command)


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
    """Run the command line and end the process. A user's error is one line; a bug keeps its traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    open_streams()
    wait_passively()
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="vitexplain", standalone_mode=False)
    except VitexplainError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _close_pipe()
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _fail(_STDOUT_LOST.format(error.strerror), OutputError.exit_code)
    except SystemExit as end:
        # typer exits with 1 on a closed pipe.
        if isinstance(end.__context__, BrokenPipeError):
            _close_pipe()
        raise
    except Exception as error:
        # Usage errors that typer finds have `format_message`; anything else is a bug.
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            _leave(INTERRUPTED)
        if not hasattr(error, "format_message"):
            raise
        command = getattr(getattr(error, "ctx", None), "command_path", "vitexplain")
        _fail(f"{' '.join(error.format_message().split())} (see {command} --help)", UsageError.exit_code)
    _leave(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    from vitexplain.cli.console import say_error

    say_error(message)
    _leave(code)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _leave(code: int) -> NoReturn:
    """Flush stdout and end the process; a reader that has gone away is not an error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_pipe()
    except OSError as error:
        from vitexplain.cli.console import say_error

        discard_stdout()
        if code == 0:
            say_error(_STDOUT_LOST.format(error.strerror))
            code = OutputError.exit_code
    raise SystemExit(code)


def _close_pipe() -> NoReturn:
    """End quietly, with stdout discarded."""
    discard_stdout()
    raise SystemExit(CLOSED_PIPE)
