"""Options of the command line as frozen dataclasses: each option is one field, each group one object for the command.

    @dataclass(frozen=True)
    class TerminalOptions(Group):
        panel: ClassVar[str] = TERMINAL
        threads: int | None = option(None, "Processor threads to use.", env=True, low=1)

    @grouped
    def run(images: Images, terminal: TerminalOptions) -> None: ...

A command that has only some of a group's options names them, in the order of its help: the others keep their defaults.

    output: Annotated[OutputOptions, only("out", "json")]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import typer

INPUT, MODEL, METHOD, PICTURE = "Input", "Model", "Method", "Picture"
OUTPUT, TERMINAL = "Output", "Terminal and machine"
EXPERT = "Expert options"
"""The panels of the help, this one last: options that few calls need."""

_METADATA = "typer"
_VALUES = {int: "N", float: "X", Path: "PATH"}
"""What stands for a value of a type in the help."""

AnyGroup = TypeVar("AnyGroup", bound="Group")


def option(
    default: Any,
    about: str,
    *,
    flags: Sequence[str] = (),
    short: str | None = None,
    env: bool = False,
    low: float | None = None,
    high: float | None = None,
    shown: bool | str = True,
    metavar: str | None = None,
    expert: bool = False,
) -> Any:
    """Declare a field that is an option; `about` is its help.

    Its flag is the field's name, unless there are `flags`; `short` is one more. `env`: the variable VITEXPLAIN_NAME
    sets the default. `low` and `high` limit a number, both included. `shown` replaces the default in the help, and
    `metavar` the type of the value. `expert`: it stands in the help's last panel.
    """
    settings = {"help": about, "min": low, "max": high, "show_default": shown, "metavar": metavar}
    named = {"flags": tuple(flags), "short": short, "env": env, "expert": expert}
    metadata = {_METADATA: {**named, **settings}}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


class Group:
    """A frozen dataclass of options that share one panel of the help."""

    panel: ClassVar[str]

    @classmethod
    def options(cls) -> dict[str, inspect.Parameter]:
        """Return the options as the parameters that typer reads, by name."""
        hints = get_type_hints(cls)
        found = {}
        for each in fields(cls):  # type: ignore[arg-type]
            if _METADATA in each.metadata:
                default = each.default_factory() if callable(each.default_factory) else each.default
                found[each.name] = parameter(
                    each.name, hints[each.name], default, cls.panel, **each.metadata[_METADATA]
                )
        return found

    @classmethod
    def given(cls: type[AnyGroup], values: Mapping[str, Any]) -> AnyGroup:
        """Return the group with the values that a command was given for its options."""
        return cls(**values)


def parameter(
    name: str,
    kind: Any,
    default: Any,
    panel: str,
    *,
    flags: Sequence[str] = (),
    short: str | None = None,
    env: bool = False,
    expert: bool = False,
    metavar: str | None = None,
    **settings: Any,
) -> inspect.Parameter:
    """Return the parameter that typer makes an option of; other `settings` are passed to typer unchanged."""
    names = [*(flags or [f"--{name.replace('_', '-')}"]), *([short] if short else [])]
    variable = f"VITEXPLAIN_{name.upper()}" if env else None
    made = typer.Option(
        *names,
        envvar=variable,
        rich_help_panel=EXPERT if expert else panel,
        metavar=metavar or _value(kind, settings.get("min"), settings.get("max")),
        **settings,
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made])


def _value(kind: Any, low: float | None, high: float | None) -> str | None:
    """Return what stands for the value of an option in the help: its limits, or its type; None for yes or no."""
    kinds = {kind, *get_args(kind)}
    if bool in kinds:
        return None
    if low is not None and high is not None:
        return f"{low:g}..{high:g}"
    return next((word for each, word in _VALUES.items() if each in kinds), "TEXT")


@dataclass(frozen=True)
class _Only:
    names: tuple[str, ...]


def only(*names: str) -> _Only:
    """Name the options of a group that a command has, in the order of its help."""
    return _Only(names)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as typer takes it: every parameter that is a Group becomes the group's options."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Group], Sequence[str]]] = {}
    for name, given in inspect.signature(command).parameters.items():
        kind, *extras = get_args(hints[name]) if get_origin(hints[name]) is Annotated else [hints[name]]
        if not (isinstance(kind, type) and issubclass(kind, Group)):
            parameters.append(given.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        options = kind.options()
        (chosen,) = [each for each in extras if isinstance(each, _Only)] or [only(*options)]
        groups[name] = kind, chosen.names
        known = {each.name for each in parameters}
        if twice := [each for each in chosen.names if each in known]:
            raise TypeError(f"{command.__name__}: option '{twice[0]}' of {kind.__name__} is declared twice")
        parameters += [options[each] for each in chosen.names]

    @wraps(command)
    def run_command(**values: Any) -> None:
        made = {name: kind.given({each: values.pop(each) for each in names}) for name, (kind, names) in groups.items()}
        command(**made, **values)

    run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run_command.__annotations__ = {each.name: each.annotation for each in parameters}
    return run_command
