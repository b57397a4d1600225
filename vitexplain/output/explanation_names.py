"""What tells the files of one explanation from those of the others of the same picture: a few plain words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from vitexplain.output.names import digest
from vitexplain.result import Explanation, Result, Similarity, Target

_RESERVED = ("heatmap", "cut-layers", "compare", "graph")
"""Words that other files of a picture end in."""

_LONGEST = 60
"""Characters of words; longer ones end in digits."""


def explanation_words(result: Result) -> list[str]:
    """Return the words of each explanation of a result, without `=`, `:` or `,`; none for the only one.

    The method where there are several; of several explanations by one method also the options in which they differ;
    the class unless only the first prediction is explained. Equal explanations have equal words.
    """
    explanations = result.explanations
    by_method: dict[str, list[Explanation]] = {}
    for each in explanations:
        by_method.setdefault(each.method, []).append(each)
    several = len({each.spec for each in explanations}) > 1
    count = Counter(each.spec for each in explanations)
    taken: dict[str, str] = {}
    found = []
    for each in explanations:
        parts = [_method(each, by_method[each.method])] if several else []
        target = each.target
        if target is not None and (count[each.spec] > 1 or not _is_usual(result, target)):
            parts.append(_target(target, explanations))
        words, identity = _short("-".join(parts)), each.spec + (target.part if target else "")
        if taken.setdefault(words, identity) != identity:
            words = f"{words}-{digest(identity)}"
        found.append(words)
    return found


def _is_usual(result: Result, target: Target | Similarity) -> bool:
    return isinstance(target, Target) and result.is_first(target) and target.against is None


def _method(explanation: Explanation, same: Sequence[Explanation]) -> str:
    """Return the method, with the options that not all explanations by it have."""
    shared = set.intersection(*(set(_options(each)) for each in same))
    return _plain("-".join([explanation.method, *(part for part in _options(explanation) if part not in shared)]))


def _options(explanation: Explanation) -> list[str]:
    """Return the options in a spec, one by one; a comma separates only where `key=` follows."""
    text = explanation.spec.partition(":")[2]
    return re.split(r",(?=[\w-]+=)", text) if text else []


def _target(target: Target | Similarity, explanations: Sequence[Explanation]) -> str:
    if isinstance(target, Similarity):
        return target.part.removeprefix("-")
    named = [each.target for each in explanations if isinstance(each.target, Target)]
    classes = [*named, *(each.against for each in named if each.against is not None)]
    words = f"{'not-' * target.lowers}{_class(target, classes)}"
    return words if target.against is None else f"{words}-against-{_class(target.against, classes)}"


def _class(target: Target, classes: Sequence[Target]) -> str:
    """Return the label of a class in plain letters, or its number if it has none, or not one of its own."""
    label = _plain(target.label or "")
    indices = {each.index for each in classes if _plain(each.label or "") == label}
    return f"class-{target.index}" if not label or label in _RESERVED or len(indices) > 1 else label


def _plain(text: str) -> str:
    """Return a text in lower case with letters of ASCII, digits and dashes only."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9.]+", "-", letters).strip("-.")


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 9].rstrip('-.')}-{digest(words)}"
