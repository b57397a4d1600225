"""Ctrl-C and SIGTERM while much is under way: what is in hand is ended first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM instead of breaking off; a second Ctrl-C breaks off at once."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        from vitexplain.cli.console import say_warning

        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        say_warning("stopping after the batch in hand; once more to stop now")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
