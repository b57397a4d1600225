"""The help: two examples first, types and defaults as a person writes them, what few need at the end; 80 columns."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.cli.command_line import command_line
from vitexplain.cli.app import app
from vitexplain.cli.help import EXAMPLES
from vitexplain.methods import METHODS

CAT = Path(__file__).parents[2] / "sample_images" / "cat.jpg"
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_starts_with_examples_and_fits_its_width(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = command_line(*([name] if name else []), "--help").out
    assert all(len(line) <= 80 for line in shown.splitlines())
    after = shown.partition("Examples:\n")[2].splitlines()
    examples = list(EXAMPLES[name or "vitexplain"])
    assert len(examples) > 1 and [line.strip() for line in after[: len(examples)]] == examples
    assert "Options:" in shown and "<" not in shown.replace("1 <= A <= B", "")


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_the_examples_are_commands_with_options_that_exist(line: str) -> None:
    tool, name, *words = shlex.split(line)
    command = COMMANDS[name]
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert tool == "vitexplain" and {word for word in words if word.startswith("-")} <= known
    command.make_context(name, list(words))  # raises for a value that is missing, or for one too many


def test_what_few_need_stands_at_the_end() -> None:
    usual, expert = command_line("run", "--help").out.split("Expert options:")
    assert (
        "--model NAME" in usual
        and "-m, --method SPEC" in usual
        and "[default: builtin; env: VITEXPLAIN_MODEL]" in usual
    )
    assert "--residual 0..1" in expert and "--image-size N|HxW" in expert and "--residual" not in usual
    assert "IMAGE..." in usual and "--quiet" in usual


def test_a_method_is_one_line_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = command_line("methods").out.splitlines()
    assert [line.split()[0] for line in lines] == ["method", *METHODS]
    assert all(len(line) <= 80 for line in lines)


def test_one_method_with_its_options() -> None:
    lines = command_line("methods", "rollout").out.splitlines()
    assert ["residual", "0.5", "a", "number", "from", "0", "to", "1"] in [line.split() for line in lines]
    assert command_line("methods", "rolout").error_line.startswith(
        "error: method 'rolout' does not exist: did you mean"
    )


def test_models_fit_80_columns_through_a_pipe_of_that_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = command_line("models").out.splitlines()
    assert all(len(line) <= 80 for line in listed) and len(listed) > 400
    assert listed[1].split() == ["builtin", "224", "200"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("models", "resnet18"), "resnet18: not supported, it is a convolutional network"),
        (("doctor", "--model", "resnet50"), "it is a convolutional network: it has no attention"),
        (("doctor", "--model", "torchvision:maxvit_t"), "maxvit_t: not supported, its attention stays within windows"),
        (("doctor", "--model", "torchvision:vit_b_17"), "vit_l_32: vit_b_16?"),
    ],
)
def test_families_that_are_refused_are_named_with_their_reason(arguments: tuple[str, ...], reason: str) -> None:
    ended = command_line(*arguments)
    assert ended.code == 4 and reason in ended.error_line


def test_nothing_is_suggested_that_is_not_alike() -> None:
    assert "did you mean" not in command_line("run", CAT, "-m", "gradcam").error_line
    assert command_line("doctor", "--model", "torchvision:nothing").error_line.endswith("vit_l_16, vit_l_32")
    assert "did you mean rollout?" in command_line("run", CAT, "-m", "rolout").error_line
