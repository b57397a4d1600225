"""`vitexplain methods` and `vitexplain schema`: what there is to choose from, and what a record looks like."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from vitexplain.cli import options as o


def methods(json: o.Json = False) -> None:
    """List the methods and their options."""
    from vitexplain.cli.console import print_table
    from vitexplain.methods import METHODS, option_names

    if json:
        for name, method in METHODS.items():
            typer.echo(json_module.dumps({"method": name, "options": list(option_names(method))}))
        return
    rows = [
        (name, (method.__doc__ or "").split("\n")[0], ", ".join(option_names(method)))
        for name, method in METHODS.items()
    ]
    print_table(("method", "what it is", "options"), rows)


def schema(
    name: Annotated[str, typer.Argument(help="record, graph or evaluation")] = "record",
) -> None:
    """Print the JSON Schema of what the other commands write."""
    from vitexplain.output import schema as read_schema

    typer.echo(json_module.dumps(read_schema(name), indent=2))
