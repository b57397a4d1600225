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
    support: Annotated[
        bool,
        typer.Option(
            "--support",
            help="Say for every name of timm's what works with it, or why not; all take three minutes.",
        ),
    ] = False,
) -> None:
    """List the models that can be explained."""
    from dataclasses import asdict

    if support:
        from vitexplain.cli.support import print_support

        print_support(pattern, as_json=output.json)
        return

    from vitexplain.cli.console import print_table, say
    from vitexplain.errors import ModelError
    from vitexplain.models import list_models, refused_like

    rows = list_models(pattern)
    if not rows:
        if pattern and (refused := refused_like(pattern)):
            raise refused
        raise ModelError(f"no model matches '{pattern}': give part of a name, or nothing to list them all")
    if output.json:
        for row in rows:
            typer.echo(json_module.dumps(asdict(row)))
        return
    sizes = ["x".join(map(str, dict.fromkeys(row.size))) for row in rows]
    print_table(
        ("name", "pixels>", "classes>", ""),
        [
            (row.name, size, row.classes or "none", "" if row.graph else "*")
            for row, size in zip(rows, sizes, strict=True)
        ],
    )
    if not all(row.graph for row in rows):
        say("* without a graph of attention, so without rollout and flow: 'vitexplain guide stages' says what works")
    if not all(row.pretrained for row in rows):
        say("names of timm's without a dot have no weights of their own: give --weights FILE")
