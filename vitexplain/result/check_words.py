"""A check in words: a sentence with its numbers, and what to be told of a map that shows nothing."""

from __future__ import annotations

from collections.abc import Mapping

from vitexplain.result.check import ABOVE_HALF, MOST_PROBABLE, PROBABILITY, Answers, Check
from vitexplain.result.class_names import target_name
from vitexplain.result.explanation import Target

NO_BETTER = "this map does no better than random patches"
"""How the notice of a map begins that fails both halves of its check."""

_SAME, _POINTS = 0.05, 0.01
"""An answer hardly changes if it moves by less than this share of the way from the whole picture's to the empty one's,
or, as a probability, by less than a percentage point."""

_KEEPS = {MOST_PROBABLE: "the most probable class", ABOVE_HALF: "above 50%"}


def answer_words(check: Check, answer: float) -> str:
    """Return an answer as a percentage where it is a probability, otherwise with three digits.

    Of what lowers a class it is the class's own: the map's answer is what the class lacks.
    """
    shown = _of_class(check, answer)
    words = f"{shown:.1%}" if check.of == PROBABILITY else f"{shown:.3g}"
    return "0.0%" if words == "-0.0%" else words


def _of_class(check: Check, answer: float) -> float:
    if not (isinstance(check.target, Target) and check.target.lowers):
        return answer
    return 1 - answer if check.of == PROBABILITY else -answer


def check_title(check: Check, names: Mapping[int, str]) -> str:
    """Return what is explained, and whose answers the table has where that is not the same."""
    what, whose = target_name(check.target, names), _answering(check, names)
    return what if what == whose else f"{what} (answers: {whose})"


def _answering(check: Check, names: Mapping[int, str]) -> str:
    """Return whose answer the check is about: of what lowers a class the class, against another the difference."""
    target = check.target
    if isinstance(target, Target) and target.against is not None:
        return f"{names[target.index]} minus {names[target.against.index]}"
    return names[target.index] if isinstance(target, Target) else target_name(target, names)


def checked_rows(check: Check) -> list[tuple[str, str, str]]:
    """Return the rows of the table: which patches, the answer without them, the answer with them alone."""
    removed, kept = check.removed, check.kept
    rows = (
        (f"the {check.patches} highest", removed.highest, kept.highest),
        (f"{check.patches} random, mean of {len(removed.random)}", removed.mean, kept.mean),
        (f"the {check.patches} lowest", removed.lowest, kept.lowest),
        ("all", check.empty, check.whole),
    )
    return [(name, answer_words(check, without), answer_words(check, alone)) for name, without, alone in rows]


def check_verdict(check: Check) -> str:
    """Return in a sentence whether the highest patches matter more than random ones, for each half of the check."""
    if check.beats_removed and check.beats_kept:
        return "Verdict: its highest patches matter more than random ones, both removed and kept alone."
    if check.beats_removed:
        return "Verdict: removed, its highest patches matter more than random ones; kept alone, they do not."
    if check.beats_kept:
        return "Verdict: kept alone, its highest patches matter more than random ones; removed, they do not."
    return f"Verdict: {NO_BETTER}, neither removed nor kept alone."


def check_sentences(check: Check, names: Mapping[int, str], patches: int) -> str:
    """Return the check in words; `names` are those of the classes, `patches` how many there are."""
    name, count, enough = _answering(check, names), check.patches, len(check.sufficient)
    removal = (
        f"Without its {_highest(count)} {name} {_moved(check, check.removed.highest)}; without {count} random "
        f"{'one' if count == 1 else 'ones'} it {_moved(check, check.removed.mean)}."
    )
    keeps = f"to keep {name} {_kept(check)}"
    if not enough:
        return f"{removal} No patch is needed {keeps}: an empty picture does, so that no set can be called sufficient."
    if enough == patches:
        alone = f"All {patches} patches are needed {keeps}"
    else:
        share = f"{enough / patches:.0%}"
        alone = f"The {_highest(enough)} ({share}) {'suffices' if enough == 1 else 'suffice'} {keeps}"
    return f"{removal} {alone}{'' if check.changes is None else f'; without its {_highest(check.changes)} it is not'}."


def check_notice(check: Check) -> str | None:
    """Return what a reader has to know of a map that does no better than random patches, None for one that does."""
    if check.beats_random:
        return None
    return (
        f"{NO_BETTER}: without its {_highest(check.patches)} the answer is "
        f"{answer_words(check, check.removed.highest)}, without as many random ones {_span(check, check.removed)}; "
        f"with them alone {answer_words(check, check.kept.highest)}, with random ones alone {_span(check, check.kept)}"
    )


def _kept(check: Check) -> str:
    """Return what it means that an answer is kept."""
    whole, empty = answer_words(check, check.whole), answer_words(check, check.empty)
    return _KEEPS.get(check.keeps, f"nearer to the whole picture's {whole} than to an empty one's {empty}")


def _span(check: Check, answers: Answers) -> str:
    """Return the smallest and the largest answer of the random draws."""
    ends = sorted((min(answers.random), max(answers.random)), key=lambda each: _of_class(check, each))
    return " to ".join(answer_words(check, each) for each in ends)


def _moved(check: Check, answer: float) -> str:
    """Return "falls from 97.0% to 12.0%", "hardly changes (97.0% to 95.0%)" and so on.

    A difference of two classes, which may change its sign, "goes from" one to the other.
    """
    reach = abs(check.whole - check.empty) or abs(check.whole)
    before, after = answer_words(check, check.whole), answer_words(check, answer)
    moved = abs(answer - check.whole)
    if before == after:
        return f"stays at {after}"
    if moved <= _SAME * reach or (check.of == PROBABILITY and moved <= _POINTS):
        return f"hardly changes ({before} to {after})"
    if isinstance(check.target, Target) and check.target.against is not None:
        return f"goes from {before} to {after}"
    falls = _of_class(check, answer) < _of_class(check, check.whole)
    return f"{'falls' if falls else 'rises'} from {before} to {after}"


def _highest(count: int) -> str:
    return "highest patch" if count == 1 else f"{count} highest patches"
