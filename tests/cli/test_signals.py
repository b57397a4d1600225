"""Ctrl-C in a long run: the first is noted, the second stops, however fast they come."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from vitexplain.cli.signals import STOPPING, noted_signals


def computing(seconds: float) -> None:
    """Compute in one call of C code, during which Python runs no handler, for about so long."""
    started = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)
    rounds = int(100_000 * seconds / (time.perf_counter() - started)) + 1
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)


def later(*numbers: int) -> threading.Thread:
    """Send signals to this process from another thread, a tenth of a second apart."""

    def send() -> None:
        for number in numbers:
            time.sleep(0.1)
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def until(said: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not said() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_at_once_and_stops_nothing(number: int) -> None:
    said: list[str] = []
    with noted_signals(said.append) as caught:
        thread = later(number)
        computing(0.5)
        thread.join()
        until(lambda: said)
    assert caught == [number] and said == [STOPPING]


def test_two_during_one_computation_are_two() -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), noted_signals(said.append):
        thread = later(signal.SIGINT, signal.SIGINT)
        computing(1.0)
        thread.join()
        until(lambda: False)  # the interrupt ends it
    assert said == [STOPPING]


def test_what_was_there_before_is_there_again() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = threading.active_count()
    with noted_signals(lambda _: None):
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert threading.active_count() == threads and signal.set_wakeup_fd(-1) == -1
