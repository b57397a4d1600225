"""Messages name parameters in the library and options on the command line."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import vitexplain
from tests.cli.command_line import command_line
from vitexplain.cli.flags import with_flags
from vitexplain.errors import UsageError
from vitexplain.pipeline import explain

KOALA = Path(__file__).parents[2] / "sample_images" / "koala.jpg"
PACKAGE = Path(vitexplain.__file__).parent
COMMAND_LINE = "cli/"
"""Whose texts may name flags."""

PARAMETER = re.compile(r"`([a-z_]+)=")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("use `dtype=float32`", "use --dtype float32"),
        ("with `weights=` (and `num_classes=`)", "with --weights (and --num-classes)"),
        ("replace it with `overwrite=True`", "replace it with --overwrite"),
        ("another folder with `folder=`", "another folder with --out"),
        ("add `methods=flow`", "add --method flow"),
        ("apart with `scale=(0.01, 1e+02)`", "apart with --scale 0.01:1e+02"),
        ("apart with `scale=(-0.5, 0.5)`", "apart with --scale -0.5:0.5"),
        ("`residual=0.4` beside `methods=raw:head=1`", "--residual 0.4 beside --method raw:head=1"),
        ("use fill=mean, blur or black", "use fill=mean, blur or black"),
        ("`nothing=1` and `Failure.from_record`", "`nothing=1` and `Failure.from_record`"),
    ],
)
def test_parameters_in_backticks_become_options(message: str, shown: str) -> None:
    assert with_flags(message) == shown


def texts() -> list[tuple[str, str]]:
    """Return the strings of the package outside the command line, without docstrings, each with its file."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found.append((name, node.value))
    return found


def test_the_library_names_no_flags() -> None:
    named = [
        (name, text) for name, text in texts() if not name.startswith(COMMAND_LINE) and re.search(r"--[a-z]", text)
    ]
    assert named == []


def test_every_parameter_that_a_message_names_is_an_option() -> None:
    named = {found for name, text in texts() if not name.startswith(COMMAND_LINE) for found in PARAMETER.findall(text)}
    assert {"dtype", "folder", "methods", "scale", "weights"} <= named
    for name in named:
        assert with_flags(f"`{name}=`").startswith("--"), f"no command has an option for {name}"


@pytest.mark.parametrize(
    ("arguments", "shown", "methods", "said"),
    [
        (["-m", "rollout", "--target", "koala"], "--target has no effect", ["rollout"], "`target=` has no effect"),
        (["-m", "flow:layers=99"], "the model has layers 1 to 12", ["flow:layers=99"], "the model has layers 1 to 12"),
    ],
)
def test_an_error_in_both_worlds(arguments: list[str], shown: str, methods: list[str], said: str) -> None:
    ended = command_line("run", KOALA, "--json", *arguments)
    assert ended.code == 2 and shown in ended.error_line and "`" not in ended.error_line
    with pytest.raises(UsageError, match=said):
        explain("builtin", KOALA, methods, target="koala" if "target" in said else "top1")


def test_a_failure_and_a_notice_stand_in_the_record_as_the_library_says_them(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    horse = KOALA.with_name("horse.jpg")
    ended = command_line("run", horse, "--json", "-m", "rollout")
    (notice,) = (n for n in json.loads(ended.out)["explanations"][0]["notices"] if "stretched" in n)
    assert notice.endswith("tell them apart with `percentile=98`")
    assert ended.err.rstrip().endswith("tell them apart with --percentile 98")
    again = command_line("run", horse, "--json", "-q", "-m", "rollout", "--percentile", 98)
    assert again.code == 0 and "stretched" not in again.out, "the advice can be followed"
