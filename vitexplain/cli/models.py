"""`vitexplain models`: what can be used as --model."""

from __future__ import annotations

import json as json_module
from typing import Annotated, Optional

import typer

from vitexplain.cli.groups import grouped
from vitexplain.cli.output_options import ListOptions


@grouped
def models(
    output: ListOptions,
    pattern: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it on Python 3.10 too
        typer.Argument(help="Part of a name, or a pattern with * and ?."),
    ] = None,
) -> None:
    """List the models that can be explained."""
    from dataclasses import asdict

    from vitexplain.cli.console import print_table
    from vitexplain.errors import ModelError
    from vitexplain.models import list_models

    rows = list_models(pattern)
    if not rows:
        raise ModelError(f"no model matches '{pattern}': give part of a name, or nothing to list them all")
    if output.json:
        for row in rows:
            typer.echo(json_module.dumps(asdict(row)))
        return
    columns = tuple(asdict(rows[0]))
    print_table(columns, [tuple("" if value is None else value for value in asdict(row).values()) for row in rows])
