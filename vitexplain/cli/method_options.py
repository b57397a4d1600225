"""The options of methods that commands share, each written once; methods.options reads what stands in them."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from vitexplain.cli.options import METHOD


def methods_option(default: bool | str = True) -> Any:
    """Return the option --method; `default` is what the help says where none is given."""
    return typer.Option(
        "--method",
        "-m",
        envvar="VITEXPLAIN_METHOD",
        metavar="SPEC",
        show_default=default,
        help="raw, rollout, flow, relevance, legrad, attn-lrp, integrated-gradients, input-gradient, blank-out or "
        "random ('vitexplain methods' explains them), with options, which go before the flags of the same name: "
        "'rollout:residual=0.3,layers=7:12'. Repeatable.",
        rich_help_panel=METHOD,
    )


def target_option(default: bool | str = True) -> Any:
    """Return the option --target; `default` is what the help says where none is given."""
    return typer.Option(
        "--target",
        metavar="CLASS",
        show_default=default,
        help="The class that class-specific methods explain: top1, topK (the K most probable, but for that of "
        "--against), an index, a label, several of them ('koala,baboon'), or all.",
        rich_help_panel=METHOD,
    )


# typer reads these annotations when it runs, on Python 3.10 too, so they are written as Optional.
Methods = Annotated[list[str], methods_option()]
_DEFAULT = "rollout:fusion=gradient over the upper 3/4 of layers; plain rollout without classifier or in half precision"
MethodsOrDefault = Annotated[list[str], methods_option(_DEFAULT)]
Fusion = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--fusion", help="How heads become one: mean, max, min or gradient-weighted.", rich_help_panel=METHOD),
]
Head = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--head",
        help="One head alone, from 0. Head numbers do not correspond between layers.",
        rich_help_panel=METHOD,
    ),
]
Residual = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--residual", help="Share of the skip connection in each layer, 0 to 1 (0.5).", rich_help_panel=METHOD
    ),
]
Discard = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--discard", help="Fraction of the smallest attention of each layer that is dropped.", rich_help_panel=METHOD
    ),
]
Layers = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--layers",
        metavar="A:B",
        help="Layers A to B only, both included, 1 nearest the image; one number is one layer.",
        rich_help_panel=METHOD,
    ),
]
Source = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--source",
        help="Where rollout and flow start: readout, cls, patch:ROW,COL or token:N.",
        rich_help_panel=METHOD,
    ),
]
Seed = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--seed", help="Seed of the random control (0).", rich_help_panel=METHOD),
]
Target = Annotated[str, target_option()]
Against = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--against",
        help="Why the target and not this class, an index or a label: their logits' difference is explained.",
        rich_help_panel=METHOD,
    ),
]
Fill = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--fill",
        help="What stands in place of a removed patch: mean, blur, black or drop (blank-out); what the empty picture "
        "shows: mean, blur or black (integrated-gradients).",
        rich_help_panel=METHOD,
    ),
]
Window = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--window", help="Side of the square of patches removed at once (blank-out).", rich_help_panel=METHOD),
]
Of = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--of", help="Whose drop is measured: logit or probability (blank-out).", rich_help_panel=METHOD),
]
Steps = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--steps",
        help="Gradients on the way from the empty picture to this one, 32 by default (integrated-gradients).",
        rich_help_panel=METHOD,
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Build every patch's flow edge by edge, check it against its cut, and report the largest gap (flow).",
        rich_help_panel=METHOD,
    ),
]
