"""The command line starts without the heavy libraries, and every command is in the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import command_line
from vitexplain import __version__
from vitexplain.cli.app import app, run_app

HEAVY = ("torch", "timm", "cv2", "scipy", "networkx", "matplotlib", "numpy", "PIL")
README = Path(__file__).parents[2] / "README.md"
COMMANDS = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)


@pytest.mark.parametrize("arguments", ["--help", "run --help", "guide --help", "guide flow", "--version"])
def test_no_heavy_library_is_imported(arguments: str) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['vitexplain', *{arguments.split()!r}]\n"
        "from vitexplain.__main__ import main\n"
        "try:\n    main()\n"
        f"finally:\n    print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "heavy: []"


def test_importing_the_package_is_light() -> None:
    code = f"import sys, vitexplain; print([name for name in {HEAVY!r} if name in sys.modules], dir(vitexplain))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[] ['VitexplainError', '__version__', 'explain', 'explain_many', 'load_model']\n"


def test_version_and_no_arguments() -> None:
    assert command_line("--version").out == f"vitexplain {__version__}\n"
    assert command_line().code in (0, 2)
    assert command_line("walk").code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    ended = command_line(name, "--help")
    assert ended.code == 0
    assert f"vitexplain {name}" in README.read_text(encoding="utf-8")


def test_every_method_is_named_in_the_help_and_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    from vitexplain.methods import METHODS

    monkeypatch.setenv("COLUMNS", "400")  # no name is broken between two lines
    shown, readme = command_line("run", "--help").out, README.read_text(encoding="utf-8")
    for name in METHODS:
        assert name in shown
        assert f"`{name}`" in readme


def test_methods_and_schema_are_listed() -> None:
    assert "rollout" in command_line("methods").out and "residual" in command_line("methods", "rollout").out
    assert '"vitexplain/1"' in command_line("schema").out


def test_a_schema_that_does_not_exist() -> None:
    ended = command_line("schema", "nonsense")
    assert ended.code == 2
    assert "give one of" in ended.error_line


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("vitexplain.output.schema", fail)
    monkeypatch.setattr("sys.argv", ["vitexplain", "schema"])
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_app()
