"""A sign of life while one image takes seconds: on a terminal only, and gone when it is done."""

from __future__ import annotations

import io
import re
import sys
import time

import pytest

from vitexplain.cli.progress import ImageProgress, explaining, pace_in_words, waiting
from vitexplain.methods import parse_methods


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return what was given."""
        return self._is_terminal


def shown(
    monkeypatch: pytest.MonkeyPatch,
    specs: list[str],
    *,
    terminal: bool = True,
    quiet: bool = False,
    many_flows: bool = False,
) -> str:
    """Return what stands on stderr when an image is explained by methods."""
    stream = Terminal(terminal)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with explaining("a[b].jpg\n", parse_methods(specs), shown=not quiet, many_flows=many_flows):
        pass
    return stream.getvalue()


def test_slow_methods_are_named_on_a_terminal_and_the_line_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, ["rollout", "blank-out", "integrated-gradients:steps=4"])
    assert "a[b].jpg\\n: blank-out, integrated-gradients" in text
    assert text.endswith("\x1b[2K")  # the whole line is erased, and the cursor stands at its beginning
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is there again


def test_many_flows_of_one_image_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, ["rollout", "flow", "flow:discard=0.9"], many_flows=True)
    assert "a[b].jpg\\n: flow" in text and "flow, flow" not in text and "rollout" not in text
    assert shown(monkeypatch, ["raw", "rollout"], many_flows=True) == ""


def test_nothing_is_shown_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, ["blank-out"], terminal=False) == ""
    assert shown(monkeypatch, ["blank-out"], quiet=True) == ""
    assert shown(monkeypatch, ["rollout", "flow", "relevance"]) == ""


def test_an_error_goes_through_and_the_cursor_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal(True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with (
        pytest.raises(KeyboardInterrupt),
        explaining("a.jpg", parse_methods("blank-out"), shown=True),
    ):
        raise KeyboardInterrupt
    assert "\x1b[?25h" in stream.getvalue()


@pytest.mark.parametrize(
    ("count", "seconds", "left", "words"),
    [
        (0, 3.0, 10, ""),
        (8, None, 10, ""),
        (8, 4.0, 100, "2.0 images/s, 0:00:50 left"),
        (1, 2.0, 3600, "0.5 images/s, 2:00:00 left"),
    ],
)
def test_the_pace_is_that_of_this_run(count: int, seconds: float | None, left: int, words: str) -> None:
    assert pace_in_words(count, seconds, left) == words


def test_a_resumed_bar_does_not_count_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal(True)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stream)
    with ImageProgress(10_000, 9_000, shown=True) as progress:
        for _ in range(8):  # a batch's records come at once
            progress.advance()
        time.sleep(0.5)
        progress.warn("a note")
    last = stream.getvalue().rpartition("9008/10000")[2]
    (rate,) = re.findall(r"([\d.]+) images/s", last)
    assert 0 < float(rate) <= 16
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", stream.getvalue())
    assert "note: a note" in re.split(r"[\r\n]", plain)  # a line of its own


def test_loading_is_shown_on_a_terminal_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal, shown_there in ((True, "loading the model\r\x1b[2K"), (False, "")):
        stream = Terminal(is_terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", stream)
        with waiting("loading the model", shown=True):
            pass
        with waiting("loading the model", shown=False):
            pass
        assert stream.getvalue() == shown_there
