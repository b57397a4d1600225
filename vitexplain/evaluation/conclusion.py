"""Conclusions: in a sentence for each metric, which methods are best, and which no better than a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitexplain.evaluation.cells import BEST, DIFFERENCE, reference_name
from vitexplain.evaluation.controls import CENTRE, CHANCE, RANDOM
from vitexplain.evaluation.findings import Evaluation
from vitexplain.evaluation.metrics import metric_of
from vitexplain.evaluation.rows import Row
from vitexplain.evaluation.table import FEW_IMAGES

_CONTROLS = {CENTRE: "the centre of the picture", RANDOM: "random scores", CHANCE: "chance"}


def conclusions(evaluation: Evaluation) -> list[str]:
    """Return a sentence for each metric and reference that says which methods are better."""
    by_group: dict[tuple[str, object], dict[str, list[Row]]] = {}
    for row in evaluation.rows:
        for kind in (DIFFERENCE, BEST):
            if row.cell.metric.endswith(kind):
                metric = row.cell.metric.removesuffix(kind)
                by_group.setdefault((metric, row.cell.reference), {DIFFERENCE: [], BEST: []})[kind].append(row)
    found = []
    asked = {metric for metric, _ in by_group}
    for (metric, _), rows in by_group.items():
        words = metric_of(metric).in_words(metric, asked)
        if words is not None:
            lower = metric in metric_of(metric).lower_is_better
            reference = (rows[DIFFERENCE] or rows[BEST])[0].cell.reference
            named = words if reference is None else f"{words} with {reference_name(reference)}"
            found.append(f"By {named}, {_sentence(rows[BEST], rows[DIFFERENCE], lower_is_better=lower)}.")
    return found


def _sentence(from_best: Sequence[Row], from_control: Sequence[Row], *, lower_is_better: bool) -> str:
    count = min((row.n for row in (*from_best, *from_control)), default=0)
    these = f"{count} image{'s' * (count != 1)}"
    if count < FEW_IMAGES:
        return f"{these} {'is' if count == 1 else 'are'} too few to tell (at least {FEW_IMAGES})"
    failing: dict[str, list[str]] = {}
    for row in from_control:
        if not _is_better(row, lower_is_better):
            what = _CONTROLS.get(row.cell.control or "", "a map of another image")
            failing.setdefault(what, []).append(row.cell.method)
    if sum(map(len, failing.values())) == len(from_control):
        return f"on these {these} {_not_better(failing, all_of_several=len(from_control) > 1)}"
    if len(from_control) == 1:
        return f"on these {these} {from_control[0].cell.method} is better than every control"
    # The best first; the others follow it where the interval of their difference holds 0.
    level = [row for row in from_best if row.cell.method == row.cell.control or _holds_zero(row)]
    names = [row.cell.method for row in sorted(level, key=lambda row: row.cell.method != row.cell.control)]
    best = f"{_listed(names)} {'is best' if len(names) == 1 else 'are best and not distinguishable'}"
    return f"on these {these} {best}; {_not_better(failing) or 'all are better than every control'}"


def _not_better(failing: Mapping[str, Sequence[str]], *, all_of_several: bool = False) -> str:
    """Return which methods are no better than which control."""
    if all_of_several:
        return f"none of the methods is better than {_listed(list(failing))}"
    return "; ".join(
        f"{_listed(names)} {'is' if len(names) == 1 else 'are'} not better than {what}"
        for what, names in failing.items()
    )


def _is_better(row: Row, lower_is_better: bool) -> bool:
    if row.low is None or row.high is None:
        return False
    return row.high < 0 if lower_is_better else row.low > 0


def _holds_zero(row: Row) -> bool:
    return row.low is not None and row.high is not None and row.low <= 0 <= row.high


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
