"""The help of the commands: what one is for, two examples, its options by topic, those for experts last."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text
from typer.core import TyperArgument, TyperCommand, TyperGroup

from vitexplain.cli.console import console_for

EXAMPLES = {
    "vitexplain": ("vitexplain run cat.jpg", "vitexplain batch photos/ -o explained/"),
    "run": (
        "vitexplain run cat.jpg",
        "vitexplain run cat.jpg -m attn-lrp --target koala -o out/",
        "vitexplain run cat.jpg --model clip:./clip --prompt 'a cat' --prompt 'a dog'",
    ),
    "batch": ("vitexplain batch photos/ -o explained/", "vitexplain batch shards/*.tar -o explained/ --class-from cls"),
    "compare": ("vitexplain compare cat.jpg -m raw -m rollout -m flow", "vitexplain compare koala.jpg --by-layer"),
    "animate": ("vitexplain animate koala.jpg -m raw", "vitexplain animate koala.jpg --over deletion --format webp"),
    "graph": ("vitexplain graph koala.jpg", "vitexplain graph koala.jpg --flow-to 4,9"),
    "report": ("vitexplain report explained/", "vitexplain report explained/ --embed --picture-size 224"),
    "evaluate": (
        "vitexplain evaluate photos/ -m raw -m rollout -m flow -o judged/",
        "vitexplain evaluate photos/ -m rollout -m attn-lrp --boxes boxes.tsv",
    ),
    "merge": (
        "vitexplain merge explained/ -o explained.parquet",
        "vitexplain merge shard-1/ shard-2/ -o explained.jsonl",
    ),
    "models": ("vitexplain models", "vitexplain models 'deit*'"),
    "methods": ("vitexplain methods", "vitexplain methods rollout"),
    "doctor": ("vitexplain doctor", "vitexplain doctor --model vit_tiny_patch16_224 --weights mine.pth --json"),
    "schema": ("vitexplain schema", "vitexplain schema evaluation"),
    "guide": ("vitexplain guide", "vitexplain guide reading"),
}
"""Two lines to copy for each command, or three."""

_NAMES, _GAP = 26, "  "
"""The widest column of names, and what stands before it and behind it."""

_WIDEST = 100
_BEHIND = ("Expert options",)
"""Panels that come last."""


class Command(TyperCommand):
    """A command whose help is drawn here."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        """Print the help on stdout."""
        _print(self, ctx, EXAMPLES.get(self.name or "", ()))


class Commands(TyperGroup):
    """All commands; their help is a line for each."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        """Print the help on stdout."""
        _print(self, ctx, EXAMPLES["vitexplain"])


def _print(command: TyperCommand | TyperGroup, ctx: Any, examples: Sequence[str]) -> None:
    console = console_for(sys.stdout)
    console.width = min(console.width, _WIDEST)
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    names = " ".join([ctx.command_path, "[OPTIONS]", *map(_argument, arguments)])
    names += " COMMAND [ARGS]..." * isinstance(command, TyperGroup)
    console.print(_headed("Usage", names), soft_wrap=True)
    about = " ".join((command.help or "").split("\f")[0].split())
    console.print()
    console.print(Text("\n".join(wrap(about, console.width))))
    _panel(console, "Examples", [(line, "") for line in examples])
    _panel(console, "Arguments", [(_argument(each), each.help or "") for each in arguments])
    if isinstance(command, TyperGroup):
        found = [(name, command.get_command(ctx, name)) for name in command.list_commands(ctx)]
        _panel(console, "Commands", [(name, each.get_short_help_str(200)) for name, each in found if each is not None])
    panels: dict[str, list[Any]] = {}
    for each in command.get_params(ctx):
        if not isinstance(each, TyperArgument) and not getattr(each, "hidden", False):
            panels.setdefault(getattr(each, "rich_help_panel", None) or "Options", []).append(each)
    for panel in sorted(panels, key=lambda name: (name in _BEHIND, name == "Options")):
        _panel(console, panel, [(_names(each), _about(each)) for each in panels[panel]])


def _panel(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print rows of a name and its help; a name that is too long has a line of its own."""
    rows = list(rows)
    if not rows:
        return
    console.print()
    console.print(_headed(title, ""))
    width = min(_NAMES, max(len(name) for name, _ in rows))
    for name, about in rows:
        lines = wrap(about, max(20, console.width - width - 2 * len(_GAP)))
        if len(name) > width or not lines:
            lines.insert(0, "")
        for number, line in enumerate(lines):
            shown = Text(_GAP).append(name if number == 0 else "", style="cyan")
            if line:
                shown.pad_right(width + len(_GAP) - len(shown))
                shown.append(_GAP).append(line)
            console.print(shown, soft_wrap=True)


def _headed(title: str, text: str) -> Text:
    return Text(f"{title}:", style="bold").append(f" {text}" if text else "", style="not bold")


def _argument(argument: Any) -> str:
    """Return an argument as usage lines have it, in brackets where it may be left out."""
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _names(option: Any) -> str:
    """Return the names of an option, the short one first, and what stands for its value."""
    names = sorted([*option.opts, *option.secondary_opts], key=len)
    shown = ", ".join(names)
    return shown if option.is_flag else f"{shown} {option.metavar or 'TEXT'}"


def _about(option: Any) -> str:
    """Return the help of an option, its default and its variable behind."""
    default = option.show_default if isinstance(option.show_default, str) else _default(option)
    behind = [f"default: {default}"] if default else []
    if option.envvar:
        behind.append(f"env: {option.envvar}")
    return " ".join([option.help or "", *([f"[{'; '.join(behind)}]"] if behind else [])])


def _default(option: Any) -> str:
    if option.is_flag or option.default is None or option.show_default is False:
        return ""
    return ", ".join(map(str, option.default)) if isinstance(option.default, list | tuple) else str(option.default)
