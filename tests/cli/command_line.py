"""Run the command line inside the test's process, as `vitexplain ARGUMENTS` would."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from vitexplain.cli.app import run_app


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The error that was printed: exactly one line, no traceback."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


class _Stream(io.TextIOWrapper):
    """Text in memory with bytes below it, like a real stream."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def command_line(*arguments: object, stdin: bytes = b"") -> Ended:
    """Run `vitexplain ARGUMENTS` and return its exit code, stdout and stderr."""
    out, err = _Stream(), _Stream()
    given = io.TextIOWrapper(io.BytesIO(stdin))
    with (
        patch.object(sys, "argv", ["vitexplain", *map(str, arguments)]),
        patch.object(sys, "stdin", given),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        run_app()
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, out.text(), err.text())
