"""Ctrl-C and SIGTERM in a long run: the current work is finished first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = "stopping after the current batch; interrupt again to stop now"


@contextmanager
def noted_signals(warn: Callable[[str], None]) -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM, with a word through `warn`, instead of stopping; the second stops at once.

    Each counts, however fast they come: Python's own handlers run between two of its instructions and make one of two
    signals that arrive during a long computation. So they are read, one byte each, from the pipe into which they are
    written when they arrive.
    """
    caught: list[int] = []
    main = threading.get_ident()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    known = (signal.SIGINT, signal.SIGTERM)

    def watch() -> None:
        while numbers := os.read(reader, 64):
            for number in numbers:
                if number == 0:
                    return
                if number in known and len(caught) < 2:
                    caught.append(number)
                    if len(caught) == 1:
                        warn(STOPPING)
                    else:
                        signal.pthread_kill(main, number)  # the handler below may have run before it counted

    def stop(_number: int, _frame: FrameType | None) -> None:
        if len(caught) > 1:
            raise KeyboardInterrupt

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before = {number: signal.signal(number, stop) for number in known}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield caught
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writer, b"\0")
        watcher.join()
        os.close(reader)
        os.close(writer)
