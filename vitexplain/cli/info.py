"""`vitexplain methods` and `vitexplain schema`: what there is to choose from, and what a record looks like."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vitexplain.cli.groups import grouped
from vitexplain.cli.output_options import ListOptions

if TYPE_CHECKING:
    from vitexplain.methods import Method


@grouped
def methods(
    output: ListOptions,
    name: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Argument(help="A method, to see its options and their defaults."),
    ] = None,
) -> None:
    """List the methods; with a name, say what it measures and which options it has."""
    from vitexplain.cli.console import print_line, print_table
    from vitexplain.methods import METHODS, parse_spec

    chosen = METHODS if name is None else {name: type(parse_spec(name.partition(":")[0]))}
    if output.json:
        for each, method in chosen.items():
            described = {key: {"default": value, "expected": what} for key, value, _, what in _options(method)}
            typer.echo(json_module.dumps({"method": each, "summary": _summary(method), "options": described}))
    elif name is None:
        print_table(("method", "what a patch's score is"), [(each, _summary(kind)) for each, kind in chosen.items()])
    else:
        for each, method in chosen.items():
            print_line(f"{each}: {_summary(method)}")
            print_table(
                ("option", "default", "expected"), [(key, text, what) for key, _, text, what in _options(method)]
            )


def _summary(method: type[Method]) -> str:
    return (method.__doc__ or "").split("\n")[0]


def _options(method: Any) -> list[tuple[str, Any, str, str]]:
    """Return the options of a method: name, default, the default as it is written, what is expected."""
    from vitexplain.methods import options_of
    from vitexplain.options import options_in, write_option

    expected = {key: option.expected for key, option in options_in(method).items()}
    return [
        (key, value, "" if value is None else write_option(method(), key), expected[key])
        for key, value in options_of(method()).items()
    ]


def schema(
    name: Annotated[str, typer.Argument(help="record, graph or evaluation")] = "record",
) -> None:
    """Print the JSON Schema of what the other commands write."""
    from vitexplain.output import schema as read_schema

    typer.echo(json_module.dumps(read_schema(name), indent=2))
