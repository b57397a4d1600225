"""`--show` on a real pseudo-terminal, whose output is read as a terminal would read it; and where there is none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests import given_result
from tests.cli.command_line import command_line
from vitexplain.cli.showing import ShownPictures, known_way
from vitexplain.render import Drawing
from vitexplain.render.terminal import nearest_of_256
from vitexplain.result import Result, Target

SAMPLES = Path(__file__).parents[2] / "sample_images"
VARIABLES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "COLUMNS",
    "LINES",
    "COLORTERM",
    "TMUX",
    "STY",
)
TRUE = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


@contextmanager
def terminal(columns: int, rows: int) -> Iterator[tuple[int, Callable[[], str]]]:
    """Yield the end of a pseudo-terminal that a program writes to, and what returns all that was written."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, columns * 9, rows * 18))
    found = bytearray()

    def read() -> None:
        try:
            while data := os.read(outer, 65536):
                found.extend(data)
        except OSError:  # the last writer has closed it
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def written() -> str:
        os.close(inner)
        reader.join()
        os.close(outer)
        return found.decode().replace("\r\n", "\n")

    yield inner, written


def shown(
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    result: Result | None = None,
    size: tuple[int, int] = (80, 30),
) -> str:
    """Return what stands on a terminal of `size` (columns, rows) after the overlays of a result were shown there."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with terminal(*size) as (end, written):
        # rich asks the process's own streams for the size: it is given by the variables that shells set.
        monkeypatch.setenv("COLUMNS", str(size[0]))
        monkeypatch.setenv("LINES", str(size[1]))
        with os.fdopen(os.dup(end), "w", encoding="utf-8") as stream:
            ShownPictures(stream, way).show(result or given_result.result(), Drawing())
        return written()


def pixels_of(text: str) -> npt.NDArray[np.int64]:
    """Return the colours of half blocks (2 * lines, columns, 3); one number a colour where there are 256."""
    rows: list[list[Any]] = []
    for line in text.splitlines():
        upper: list[Any] = []
        lower: list[Any] = []
        colours: dict[str, list[int]] = {}
        for codes, block in re.findall(r"\x1b\[([\d;]*)m|(\u2580)", line):
            if block:
                upper.append(colours["38"])
                lower.append(colours["48"])
            for ground, *numbers in re.findall(r"(38|48);(?:2;(\d+);(\d+);(\d+)|5;(\d+))", codes):
                colours[ground] = [int(each) for each in numbers if each]
        if upper:
            rows += [upper, lower]
    return np.array(rows)


def overlay(result: Result, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.asarray(result.overlay().resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


def test_half_blocks_are_the_pixels_of_the_overlay(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown("blocks", monkeypatch, TRUE)
    assert text.splitlines()[0] == "rollout; warm: highest score"
    # 26 rows of the terminal for a picture of 64 x 48: 52 pixels down, 69 across.
    found = pixels_of(text)
    assert found.shape == (52, 69, 3)
    np.testing.assert_array_equal(found, overlay(given_result.result(), (69, 52)))
    assert text.endswith("\x1b[0m\n"), "colours end with each line"


@pytest.mark.parametrize("size", [(20, 10), (80, 24), (300, 100), (1, 1)])
def test_pictures_fit_the_terminal(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    found = pixels_of(shown("blocks", monkeypatch, TRUE, size=size))
    assert found.shape[1] <= min(size[0], 100) and found.shape[0] <= 2 * max(1, size[1] - 4)


def test_in_256_colours_each_pixel_has_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pixels_of(shown("blocks", monkeypatch, {"TERM": "tmux-256color"}))
    expected = nearest_of_256(overlay(given_result.result(), (69, 52)).reshape(-1, 3)).reshape(52, 69)
    np.testing.assert_array_equal(found[..., 0], expected)


@pytest.mark.parametrize(
    "environment", [{**TRUE, "NO_COLOR": "1"}, {"TERM": "xterm"}, {"TERM": "dumb"}, {"TERM": "linux"}]
)
def test_without_colours_scores_are_shades_of_letters(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown("blocks", monkeypatch, environment)
    assert text.isascii() and "\x1b" not in text
    title, *rows = text.splitlines()
    assert title == "rollout; dense letters: highest score"
    assert len(rows) == 4 and rows[3].endswith("@@") and rows[0].startswith("  ..")


@pytest.mark.parametrize(("way", "start"), [("kitty", "\x1b_Gf=100,"), ("iterm", "\x1b]1337;"), ("sixel", "\x1bPq")])
def test_images_of_the_terminal_also_without_colours_for_text(
    way: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(way, monkeypatch, {"TERM": "xterm", "NO_COLOR": "1"})
    assert text.startswith(f"rollout; warm: highest score\n{start}") and text.endswith("\n")


def test_sixel_has_the_pixels_that_the_terminal_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f'"1;1;{69 * 9};' in shown("sixel", monkeypatch, TRUE)  # 69 columns of 9 pixels


def test_several_maps_stand_side_by_side_under_their_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    for_tabby = replace(given_result.explanation("attn-lrp"), signed=True, target=Target(3, "tab\x1bby", None))
    result = given_result.result(None, [for_tabby, given_result.explanation("raw"), given_result.explanation("flow")])
    text = shown("blocks", monkeypatch, TRUE, result)
    words = [line for line in text.splitlines() if "\u2580" not in line]
    assert words[0].startswith("attn-lrp; blue: against") and words[0].endswith(" raw; warm: highest score")
    assert words[-1] == "flow; warm: highest score" and all(len(line) <= 80 for line in words)
    assert "tab\\x1bby" in " ".join(words)
    found = [pixels_of(part) for part in text.split("flow; warm")]
    assert [each.shape[1] for each in found] == [2 * 39 + 1, 39]
    np.testing.assert_array_equal(found[0][:, :39], overlay(result, (39, len(found[0]))))


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "SSH_TTY": "/dev/pts/1"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "blocks"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, "blocks"),
    ],
)
def test_what_a_terminal_is_known_for(environment: dict[str, str], way: str) -> None:
    assert known_way(environment) == way


def test_a_pipe_gets_no_picture_and_a_note(tiny_model: Path, tmp_path: Path) -> None:
    options = ("--model", tiny_model, "-m", "raw", "-o", tmp_path)
    plain = command_line("run", SAMPLES / "cat.jpg", *options)
    ended = command_line("run", SAMPLES / "cat.jpg", *options, "--show")
    assert (ended.code, ended.out) == (0, plain.out)
    assert "note: --show needs a terminal, and stdout is none: no picture is shown" in ended.err
    quiet = command_line("compare", SAMPLES / "cat.jpg", *options, "--show", "--quiet")
    assert quiet.code == 0 and quiet.err == "" and "\u2580" not in quiet.out


def test_another_word_is_refused_before_any_work() -> None:
    ended = command_line("run", SAMPLES / "cat.jpg", "--show-as", "png")
    assert ended.code == 2
    assert ended.error_line == "error: show-as 'png' is not valid: expected auto, blocks, kitty, iterm or sixel"


def vitexplain(arguments: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | TRUE
    command = [sys.executable, "-m", "vitexplain", *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **streams)


def test_the_command_on_a_terminal(tiny_model: Path, tmp_path: Path) -> None:
    """With --json the picture is on stderr, and stdout has the record and nothing else."""
    options = ["run", str(SAMPLES / "cat.jpg"), "--model", str(tiny_model), "-m", "raw", "-o", str(tmp_path), "--show"]
    with terminal(60, 30) as (end, written):
        code = vitexplain(options, stdout=end, stderr=end).wait()
        text = written()
    assert code == 0 and f"picture: {tmp_path / 'cat.png'}" in text
    with Image.open(tmp_path / "cat.png") as opened:
        expected = np.asarray(opened.resize((60, 44), Image.Resampling.BICUBIC, reducing_gap=2.0))
    np.testing.assert_array_equal(pixels_of(text), expected)
    with terminal(60, 30) as (end, written):
        process = vitexplain([*options, "--json"], stdout=subprocess.PIPE, stderr=end)
        out, _ = process.communicate()
        text = written()
    assert process.returncode == 0 and len(out.splitlines()) == 1
    assert json.loads(out)["explanations"][0]["method"] == "raw"
    np.testing.assert_array_equal(pixels_of(text), expected)
