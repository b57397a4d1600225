"""`vitexplain methods` and `vitexplain schema`: what there is to choose from, and what a record looks like."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from vitexplain.cli.groups import grouped
from vitexplain.cli.output_options import ListOptions


@grouped
def methods(output: ListOptions) -> None:
    """List the methods and their options, with the defaults."""
    from vitexplain.cli.console import print_table
    from vitexplain.methods import METHODS, options_of
    from vitexplain.options import options_in, write_option

    rows = []
    for name, method in METHODS.items():
        summary = (method.__doc__ or "").split("\n")[0]
        options = options_of(method())
        if output.json:
            expected = {key: option.expected for key, option in options_in(method).items()}
            described = {key: {"default": value, "expected": expected[key]} for key, value in options.items()}
            typer.echo(json_module.dumps({"method": name, "summary": summary, "options": described}))
        written = [key if value is None else f"{key}={write_option(method(), key)}" for key, value in options.items()]
        rows.append((name, summary, ", ".join(written)))
    if not output.json:
        print_table(("method", "what it is", "options and defaults"), rows)


def schema(
    name: Annotated[str, typer.Argument(help="record, graph or evaluation")] = "record",
) -> None:
    """Print the JSON Schema of what the other commands write."""
    from vitexplain.output import schema as read_schema

    typer.echo(json_module.dumps(read_schema(name), indent=2))
