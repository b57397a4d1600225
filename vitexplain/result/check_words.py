"""A check in words: a sentence with its numbers, and what to be told of a map that shows nothing."""

from __future__ import annotations

from collections.abc import Mapping

from vitexplain.result.check import ABOVE_HALF, HALF_WAY, MOST_PROBABLE, PROBABILITY, Check
from vitexplain.result.class_names import target_name

_SAME = 0.05
"""An answer that moves by less than this share of the way from the whole picture's to the empty one's stays."""

_KEEPS = {
    MOST_PROBABLE: "the most probable class",
    ABOVE_HALF: "above 50 %",
    HALF_WAY: "nearer to the whole picture's answer than to an empty one's",
}


def answer_words(check: Check, answer: float) -> str:
    """Return an answer as a percentage where it is a probability, otherwise with three digits."""
    return f"{answer:.1%}" if check.of == PROBABILITY else f"{answer:.3g}"


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


def check_sentences(check: Check, names: Mapping[int, str], patches: int) -> str:
    """Return the check in words; `names` are those of the classes, `patches` how many there are."""
    name, count, enough = target_name(check.target, names), check.patches, len(check.sufficient)
    removal = (
        f"Without its {_highest(count)} {name} {_moved(check, check.removed.highest)}; without {count} random "
        f"{'one' if count == 1 else 'ones'} it {_moved(check, check.removed.mean)}."
    )
    keeps = f"to keep {name} {_KEEPS[check.keeps]}"
    if not enough:
        return f"{removal} No patch is needed {keeps}: an empty picture does, so that no set can be called sufficient."
    if enough == patches:
        alone = f"All {patches} patches are needed {keeps}"
    else:
        share = f"{enough / patches:.0%}".replace("%", " %")
        alone = f"The {_highest(enough)} ({share}) {'suffices' if enough == 1 else 'suffice'} {keeps}"
    return f"{removal} {alone}{'' if check.changes is None else f'; without its {_highest(check.changes)} it is not'}."


def check_notice(check: Check) -> str | None:
    """Return what a reader has to know of a map that does no better than random patches, None for one that does."""
    if check.beats_random:
        return None
    removed = [answer_words(check, each) for each in (min(check.removed.random), max(check.removed.random))]
    alone = [answer_words(check, each) for each in (min(check.kept.random), max(check.kept.random))]
    return (
        f"this map does no better than random patches: without its {_highest(check.patches)} the answer is "
        f"{answer_words(check, check.removed.highest)}, without as many random ones {' to '.join(removed)}; with "
        f"them alone {answer_words(check, check.kept.highest)}, with random ones alone {' to '.join(alone)}"
    )


def _moved(check: Check, answer: float) -> str:
    """Return "falls from 97.0% to 12.0%", "stays at 95.0%" or "rises ...": how the whole picture's answer changes."""
    reach = abs(check.whole - check.empty) or abs(check.whole)
    before, after = answer_words(check, check.whole), answer_words(check, answer)
    if before == after or abs(answer - check.whole) <= _SAME * reach:
        return f"stays at {after}"
    return f"{'falls' if answer < check.whole else 'rises'} from {before} to {after}"


def _highest(count: int) -> str:
    return "highest patch" if count == 1 else f"{count} highest patches"
