"""`vitexplain guide`: drawn on a terminal, Markdown through a pipe, one line for a topic that does not exist."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.command_line import command_line
from tests.guide.documents import OVERVIEW, PAGES, text_of


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, without colours."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")


def test_a_pipe_gets_the_markdown_itself() -> None:
    assert command_line("guide").out == text_of(OVERVIEW)
    for page in PAGES:
        assert command_line("guide", page.stem).out == text_of(page)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("topic", ["", *(page.stem for page in PAGES)])
def test_a_terminal_shows_a_page_within_its_width(topic: str) -> None:
    ended = command_line("guide", *([topic] if topic else []))
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in ended.out, "something was cut"
    for mark in ("](", "```", "<details>", "<summary>", "</", "**"):
        assert mark not in ended.out


@pytest.mark.usefixtures("terminal")
def test_a_terminal_names_what_it_cannot_show() -> None:
    figures = " ".join(command_line("guide", "figures").out.split())
    assert "raw attention and rollout of koala.jpg by layer (sample_images/explained/by-layer.webp" in figures
    judging = command_line("guide", "judging").out
    assert "Input gradients, 500 images, by layer" in judging  # the summary of a fold
    assert "aclanthology.org/2020.acl-main.385" in command_line("guide", "how-it-works").out


def test_a_topic_that_does_not_exist() -> None:
    ended = command_line("guide", "metods")
    assert ended.code == 2
    assert "did you mean methods?" in ended.error_line and "exit-codes" in ended.error_line
    far = command_line("guide", "zzz")
    assert far.code == 2 and "did you mean" not in far.error_line and "flow" in far.error_line
    assert command_line("guide", "README").code == 2


def test_a_stdout_that_knows_ascii_only() -> None:
    code = "from vitexplain.__main__ import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "guide", "judging"], capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert ended.returncode == 0 and ended.stderr == b""
    assert ended.stdout.isascii()
