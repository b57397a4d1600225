"""One result in words on stdout: predictions, the classes explained, what was verified, files."""

from __future__ import annotations

from pathlib import Path

from vitexplain.cli.console import print_line, print_table
from vitexplain.result import (
    Check,
    Explanation,
    Result,
    Target,
    check_sentences,
    check_title,
    check_verdict,
    checked_rows,
    class_name,
    class_names,
    target_name,
    target_names,
)


def title(result: Result) -> str:
    """Return what the image of a result is called."""
    path = result.picture.path
    return "stdin" if path is None or path == "-" else path


def print_result(result: Result, paths: tuple[Path, ...]) -> None:
    """Print the predictions, what was explained and verified, and the files that were written."""
    print_line(title(result))
    if result.predictions:
        if result.model.activation == "none":
            print_table(("output", "value>"), [(class_name(each), each.shown) for each in result.predictions])
        else:
            rows = [(class_name(each), each.shown, f"{each.logit:.2f}") for each in result.predictions]
            print_table(("prediction", "probability>", "logit>"), rows)
    else:
        print_line("no predictions: the model returns no classes")
    for words in _explained(result):
        print_line(f"explained: {words}")
    for explanation in result.explanations:
        if explanation.check is not None:
            _print_check(explanation, explanation.check)
        if "verified" in explanation.statistics:
            flows, gap = explanation.statistics["verified"], explanation.statistics["gap"]
            print_line(f"{explanation.spec}: {flows} flows verified, largest gap {gap:.1e}")
    for path in paths:
        print_line(
            f"{'record' if path.suffix == '.json' else 'scores' if path.suffix == '.npy' else 'picture'}: {path}"
        )


def _print_check(explanation: Explanation, check: Check) -> None:
    names = target_names([explanation]) or class_names([check.target] if isinstance(check.target, Target) else [])
    print_line(f"check of {explanation.spec}, {check_title(check, names)}")
    print_table(("patches", "removed>", "kept alone>"), checked_rows(check))
    print_line(check_verdict(check))
    print_line(check_sentences(check, names, explanation.scores.size))


def _explained(result: Result) -> list[str]:
    """Return the classes that were explained, unless that is the first prediction alone."""
    targets = dict.fromkeys(each.target for each in result.explanations if each.target is not None)
    if len(targets) == 1 and all(
        isinstance(target, Target) and result.is_first(target) and target.against is None for target in targets
    ):
        return []
    names = target_names(result.explanations)
    return [target_name(target, names) for target in targets]
