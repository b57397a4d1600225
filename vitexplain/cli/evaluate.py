"""`vitexplain evaluate`: which methods to believe, judged by images, with controls and intervals."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitexplain.cli import method_options as m
from vitexplain.cli import options as o
from vitexplain.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitexplain.evaluation import Evaluation, Question

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Image files, folders of them, '-' for one from stdin.")
]
Reference = Annotated[
    list[str],
    typer.Option(
        "--reference",
        metavar="SPEC",
        help="What the methods are correlated with: blank-out, input-gradient, or another method. Repeatable.",
        rich_help_panel=o.METHOD,
    ),
]
Metric = Annotated[
    list[str],
    typer.Option(
        "--metric",
        help="spearman (rank correlation with the references, by layer), deletion, insertion, saco, or randomisation "
        "(rank correlation with the model's upper layers re-initialised). Repeatable.",
        rich_help_panel=o.METHOD,
    ),
]
Steps = Annotated[
    int, typer.Option("--steps", min=1, help="Steps of deletion and insertion.", rich_help_panel=o.METHOD)
]
Others = Annotated[
    bool,
    typer.Option(
        "--others/--no-others",
        help="Each method's map of another image as a control, too; they double the time of deletion, insertion, saco.",
        rich_help_panel=o.METHOD,
    ),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV on stdout and nothing else.", rich_help_panel=o.OUTPUT)]


def evaluate(
    images: Images,
    model: o.Model = None,
    weights: o.Weights = None,
    labels: o.Labels = None,
    num_classes: o.NumClasses = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
    method: m.Methods = ["raw", "rollout", "flow"],  # noqa: B006 - typer copies it
    reference: Reference = ["blank-out", "input-gradient"],  # noqa: B006
    metric: Metric = ["spearman"],  # noqa: B006
    fusion: m.Fusion = None,
    head: m.Head = None,
    residual: m.Residual = None,
    discard: m.Discard = None,
    layers: m.Layers = None,
    source: m.Source = None,
    fill: m.Fill = None,
    window: m.Window = None,
    of: m.Of = None,
    steps: Steps = 16,
    others: Others = True,
    seed: m.Seed = None,
    target: m.Target = "top1",
    view: o.View = None,
    max_pixels: o.MaxPixels = None,
    out: o.Out = None,
    json: o.Json = False,
    csv: Csv = False,
    threads: o.Threads = None,
    quiet: o.Quiet = False,
) -> None:
    """Judge methods by images: how well do their scores agree with what the model really uses?

    Tables on stdout. With --out the scores of each image are kept, the same command computes only what is missing,
    and rows (JSON Lines, CSV) and plots are written there.
    """
    from vitexplain.cli.arguments import load_chosen_model, method_defaults
    from vitexplain.cli.progress import Bars
    from vitexplain.evaluation import evaluate as judge
    from vitexplain.evaluation import list_images

    if json and csv:
        raise UsageError("--json and --csv exclude each other: give one of them")
    defaults = method_defaults(
        fusion=fusion,
        head=head,
        residual=residual,
        discard=discard,
        layers=layers,
        source=source,
        fill=fill,
        window=window,
        of=of,
        seed=seed,
    )
    question = replace(
        _question(method, reference, metric, defaults, target, view, max_pixels), steps=steps, others=others
    )
    listed = list_images(images, out)
    loaded = load_chosen_model(model, weights, labels, num_classes, device, dtype, threads=threads, quiet=quiet)
    with Bars(quiet) as bars:
        evaluation = judge(loaded, listed, question, folder=out, progress=bars)
    if out is not None:
        _write(evaluation, out)
    _print(evaluation, json=json, csv=csv)
    _summary(evaluation, out, quiet)
    raise typer.Exit(_exit_code(evaluation))


def _question(
    method: list[str],
    reference: list[str],
    metric: list[str],
    defaults: dict[str, str],
    target: str,
    view: str | None,
    max_pixels: int | None,
) -> Question:
    """Return the question; UsageError for an option that none of the methods, references or metrics has."""
    from vitexplain.cli.arguments import picture_limit, view_of
    from vitexplain.evaluation import METRICS, Question
    from vitexplain.methods import parse_methods, parse_spec
    from vitexplain.methods.blank_out import BlankOut

    # What the metrics themselves use, beside the seed.
    used = {option for name in metric if name in METRICS for option in METRICS[name].options}
    compared = reference if "references" in used else []
    chosen = [*method, *compared]
    removal = parse_spec("blank-out", {key: defaults[key] for key in defaults if key == "fill"})
    assert isinstance(removal, BlankOut)
    parse_methods(chosen, {name: text for name, text in defaults.items() if name not in {"seed", *used}})
    return Question(
        methods=tuple(dict.fromkeys(parse_spec(spec, defaults) for spec in method)),
        references=tuple(dict.fromkeys(parse_spec(spec, defaults) for spec in compared)),
        metrics=tuple(dict.fromkeys(metric)),
        target=target,
        view=view_of(view),
        max_pixels=picture_limit(max_pixels),
        seed=_seed(defaults),
        fill=removal.fill,
    )


def _seed(defaults: dict[str, str]) -> int:
    from vitexplain.methods import parse_spec
    from vitexplain.methods.random import Random

    control = parse_spec("random", {"seed": defaults["seed"]} if "seed" in defaults else None)
    assert isinstance(control, Random)
    return control.seed


def _write(evaluation: Evaluation, out: Path) -> None:
    """Write rows and plots into the folder, in the place of those of an earlier run."""
    from vitexplain.evaluation.metrics import PLOTS
    from vitexplain.evaluation.plot import plots
    from vitexplain.evaluation.tables import as_csv
    from vitexplain.output import line, write_files

    if not evaluation.images:
        return
    rows, drawn = b"".join(line(record) for record in evaluation.records()), plots(evaluation)
    files = {"evaluation.jsonl": rows, "evaluation.csv": as_csv(evaluation).encode(), **drawn}
    write_files([(out / name, data) for name, data in files.items()], out)
    for name in PLOTS:
        if name not in drawn:  # of an earlier run that asked for more
            (out / name).unlink(missing_ok=True)


def _print(evaluation: Evaluation, *, json: bool, csv: bool) -> None:
    from vitexplain.cli.console import print_line, print_table
    from vitexplain.evaluation.tables import as_csv, tables
    from vitexplain.output import line

    if json or csv:
        if evaluation.images:
            data = b"".join(map(line, evaluation.records())) if json else as_csv(evaluation).encode()
            sys.stdout.write(data.decode())
            sys.stdout.flush()
        return
    for table in tables(evaluation):
        print_line(table.title)
        print_table(table.columns, table.rows)
        for note in table.notes:
            print_line(note)
        print_line()


def _summary(evaluation: Evaluation, out: Path | None, quiet: bool) -> None:
    """Say what a reader of the tables must know of the images."""
    from vitexplain.cli.console import say, say_warning

    if evaluation.repeated and not quiet:
        say_warning(f"{evaluation.repeated:,} given more than once: each image counts once")
    if evaluation.failures:
        say_warning(f"{len(evaluation.failures):,} of the images failed and are left out")
    if out is not None and evaluation.images and not quiet:
        say(f"scores, rows and plots: {out}")


def _exit_code(evaluation: Evaluation) -> int:
    codes = {failure.error.exit_code for failure in evaluation.failures}
    if not evaluation.images:
        return codes.pop() if len(codes) == 1 else InputError.exit_code
    return 1 if codes else 0
