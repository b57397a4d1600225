"""Ctrl-C and SIGTERM in a long run: the current work is finished first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM instead of stopping; the second stops at once."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        from vitexplain.cli.console import say_warning

        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        say_warning("stopping after the current batch; interrupt again to stop now")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
