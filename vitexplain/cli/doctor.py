"""`vitexplain doctor`: what there is on this machine, and what works with a model."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitexplain.cli.flags import with_flags
from vitexplain.cli.groups import grouped, only
from vitexplain.cli.model_options import ModelOptions
from vitexplain.cli.output_options import ListOptions
from vitexplain.cli.terminal_options import TerminalOptions

if TYPE_CHECKING:
    from vitexplain.doctor import Trial

_WORDS = {
    "count": "how many",
    "outputs_off": "outputs off by",
    "rows_off": "sums of attention off by",
}
"""What names of the report are called where they say too little."""


@grouped
def doctor(
    model: ModelOptions,
    output: ListOptions,
    terminal: Annotated[TerminalOptions, only("threads", "quiet")],
) -> None:
    """Say what there is on this machine, what a model was recognised as, and which methods work with it."""
    from dataclasses import asdict

    from vitexplain.cli.console import print_line, print_table
    from vitexplain.doctor import (
        are_large,
        large_in_words,
        large_tokens,
        machine_report,
        model_report,
        require_passed,
        self_check,
        try_methods,
    )

    terminal.set_up_process()
    machine = machine_report()
    if output.json:
        typer.echo(json_module.dumps({"machine": machine}))
    else:
        print_table(("machine", ""), list(_rows(machine)))
        print_line()
    loaded = model.load(terminal)
    model.introduce(terminal)
    known, check, large = model_report(loaded), self_check(loaded), large_tokens(loaded)
    if not output.json:
        told = {**known, "self-check": check, "large tokens": large_in_words(large)}
        print_table(("model", ""), list(_rows(_filled(told))))
        print_line()
    trials = list(try_methods(loaded, large=large))
    if output.json:
        methods = [asdict(trial) for trial in trials]
        typer.echo(
            json_module.dumps({"model": {**known, "self_check": check, "large_tokens": large, "methods": methods}})
        )
    else:
        print_table(("method", "works", "seconds >", "why not"), [_trial_row(trial) for trial in trials])
        if any(are_large(found) for found in large.values()):
            print_line()
            shares = [(each.method, each.on_large_tokens) for each in trials if each.on_large_tokens is not None]
            print_table(("method", "on large tokens >"), [(method, f"{share:.1%}") for method, share in shares])
    require_passed(check)


def _trial_row(trial: Trial) -> tuple[str, ...]:
    works, reason = "yes" if trial.works else "no", with_flags(trial.reason or "")
    return trial.method, works, f"{trial.seconds:.2f}", reason


def _filled(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report without what says nothing: neither empty lists nor None."""
    found = {key: _filled(value) if isinstance(value, Mapping) else value for key, value in report.items()}
    return {key: value for key, value in found.items() if value not in (None, [])}


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a report's names and values, those of a mapping one a row where there are many."""
    for key, value in report.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            for part, inner in value.items():
                sizes = part in ("size", "patch", "grid", "last_grid")
                shown = " x ".join(map(str, inner)) if sizes else _in_words(inner)
                # A library's name is its own.
                yield f"{name}: {part if key == 'versions' else _WORDS.get(part, part.replace('_', ' '))}", shown
        else:
            yield name, _in_words(value)


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_in_words(each) for each in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2g}" if abs(value) < 1e-3 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else with_flags(str(value))
