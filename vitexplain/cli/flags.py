"""The library's messages for a command line: a parameter in backticks, `dtype=float32`, becomes --dtype float32."""

from __future__ import annotations

import re
from functools import cache

_PARAMETER = re.compile(r"`([a-z][a-z_-]*)=([^`]*)`")
_PAIR = re.compile(r"\((-?[\w.+-]+), (-?[\w.+-]+)\)")

_OTHER_NAMES = {"folder": "out", "methods": "method", "prompts": "prompt"}
"""Parameters of the library whose options have other names."""


def with_flags(message: str) -> str:
    """Return the message with options in the place of parameters in backticks; `name=` alone is the option alone.

    Anything that is not an option of a command stays as it is. Messages write method options as in a spec, fill=mean,
    without backticks, which is valid on the command line and in Python.
    """
    return _PARAMETER.sub(_flag, message)


def _flag(found: re.Match[str]) -> str:
    name, value = found.groups()
    option = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
    if option not in _options():
        return found.group()
    if value in ("", "True"):
        return option
    if value == "False":
        return f"--no-{option[2:]}"
    return f"{option} " + _PAIR.sub(r"\1:\2", value)


@cache
def _options() -> frozenset[str]:
    """Return the options of all commands."""
    import typer

    from vitexplain.cli.app import app

    commands = getattr(typer.main.get_command(app), "commands", {}).values()
    return frozenset(option for command in commands for parameter in command.params for option in parameter.opts)
