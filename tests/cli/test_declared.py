"""What the command line reads of the methods' files is what the methods are; a new option is written in one place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import vitexplain
from tests.cli.command_line import command_line
from vitexplain.cli.declared import declared_options, method_names
from vitexplain.methods import METHODS
from vitexplain.options import Option, options_in

KOALA = Path(__file__).parents[2] / "sample_images" / "koala.jpg"

SHARP = '''"""A method that somebody adds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import MethodScores
from vitexplain.methods.random import Random
from vitexplain.options import number


@dataclass(frozen=True)
class Sharp(Random):
    """Random scores that say how soft they are."""

    name: ClassVar[str] = "sharp"
    softness: float = number(0.5, "How soft the scores are, 0 to 2 (sharp).", low=0, high=2)

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        return replace(super().__call__(forward_pass), unit=f"softness {self.softness}")
'''


def told(option: Option) -> tuple[object, ...]:
    """Return what the help says of an option."""
    return option.help, option.metavar, option.number, option.low, option.high


def test_the_names_are_those_of_the_table() -> None:
    assert method_names() == tuple(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_the_options_are_those_of_the_methods(name: str) -> None:
    own = {key: told(option) for key, option in options_in(METHODS[name]).items() if option.help}
    assert {key: told(option) for key, option in declared_options(name).items()} == own
    assert list(declared_options(name)) == [field.name for field in fields(METHODS[name]) if field.name in own]  # type: ignore[arg-type]


def test_options_of_one_name_are_one_flag_that_says_what_each_method_does_with_it() -> None:
    every = declared_options()
    assert set(every) == {key for name in METHODS for key in declared_options(name)}
    for name in METHODS:
        for key, option in declared_options(name).items():
            assert (option.help or "").removesuffix(".") in (every[key].help or "")
    assert (every["fill"].help or "").endswith(
        "(blank-out); what the empty picture shows: mean, blur or black (integrated-gradients)."
    )


def test_options_without_help_have_no_flag() -> None:
    assert {"reduce", "times_input"} <= set(options_in(METHODS["input-gradient"]))
    assert list(declared_options("input-gradient")) == ["smooth"]
    assert command_line("run", KOALA, "-m", "input-gradient", "--reduce", "sum").code == 2


@pytest.mark.parametrize("command", ["run", "batch", "compare", "graph", "models", "methods", "schema"])
def test_no_help_is_cut_at_80_columns(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except for `evaluate`, whose --no-others takes a column of its own."""
    monkeypatch.setenv("COLUMNS", "80")
    assert "…" not in command_line(command, "--help").out


def test_numbers_are_shown_as_numbers_and_checked_as_in_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    shown = [line.split() for line in command_line("run", "--help").out.splitlines() if line.startswith("  --")]
    kinds = {flag: kind for flag, kind, *_ in shown}
    for flag, kind in (
        ("--head", "N"),
        ("--residual", "0..1"),
        ("--discard", "X"),
        ("--window", "N"),
        ("--steps", "N"),
        ("--seed", "N"),
    ):
        assert kinds[flag] == kind
    for flag, text, message in (
        ("--head", "first", "head 'first' is not valid: expected the number of a head, counted from 0"),
        ("--residual", "half", "residual 'half' is not valid: expected a number from 0 to 1"),
        ("--discard", "1", "discard '1' is not valid: expected a number from 0 to below 1"),
    ):
        ended = command_line("run", KOALA, "--json", flag, text)
        assert (ended.code, message in ended.error_line) == (2, True)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more method, which has one more option: one file, and its place in the table."""
    folder = tmp_path_factory.mktemp("scratch")
    package = Path(vitexplain.__file__).parent
    shutil.copytree(package, folder / "vitexplain", ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    methods = folder / "vitexplain" / "methods"
    (methods / "sharp.py").write_text(SHARP)
    table = (methods / "spec.py").read_text()
    table = table.replace("        Random,\n", "        Random,\n        Sharp,\n", 1)
    imported = "from vitexplain.methods.rollout import Rollout\n"
    (methods / "spec.py").write_text(table.replace(imported, f"{imported}from vitexplain.methods.sharp import Sharp\n"))
    return folder


def run_there(folder: Path, *arguments: object) -> str:
    """Return what the command line of the package in this folder prints."""
    command = [sys.executable, "-m", "vitexplain", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout


def test_an_option_of_a_new_method_is_in_the_help_and_reaches_the_method(scratch: Path, tiny_model: Path) -> None:
    for command in ("run", "batch", "compare", "evaluate"):
        shown = run_there(scratch, command, "--help")
        assert "How soft the scores are, 0 to 2 (sharp)." in shown and "random or sharp" in shown
        assert " 0..2 " in shown
    given = ("-m", "sharp", "--softness", "1.5", "--seed", "3")
    record = json.loads(run_there(scratch, "run", KOALA, "--model", tiny_model, "--json", *given))
    (explanation,) = record["explanations"]
    assert (explanation["spec"], explanation["unit"]) == ("sharp:seed=3,softness=1.5", "softness 1.5")
