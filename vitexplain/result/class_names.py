"""Names of classes, their labels (with the index where several share one), and the notices of explanations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from vitexplain.result.explanation import Explanation, Prediction, Similarity, Target

Scale = Callable[[Explanation], tuple[float, float] | None]


def class_name(named: Prediction | Target) -> str:
    """Return the label of a class, or its index where it has none."""
    what = "output" if isinstance(named, Prediction) and named.is_value else "class"
    return named.label or f"{what} {named.index}"


def class_names(classes: Iterable[Prediction | Target]) -> dict[int, str]:
    """Return the classes' names by index; a label that several of them share is followed by the index."""
    names = {named.index: class_name(named) for named in classes}
    count = Counter(names.values())
    return {index: f"{name} (class {index})" if count[name] > 1 else name for index, name in names.items()}


def target_names(explanations: Iterable[Explanation]) -> dict[int, str]:
    """Return the distinct names of all classes that are explained, or that one is explained against."""
    targets = [each.target for each in explanations if isinstance(each.target, Target)]
    return class_names([*targets, *(target.against for target in targets if target.against is not None)])


def target_name(target: Target | Similarity, names: Mapping[int, str]) -> str:
    """Return the class explained, and the one it is explained against, by the names of the classes."""
    if isinstance(target, Similarity):
        name = (target.path or "").rstrip("/").rpartition("/")[2]
        return f"likeness to {name or 'the reference'} ({target.value:.3f})"
    if target.lowers:
        return f"what lowers {names[target.index]}"
    return names[target.index] + (f" against {names[target.against.index]}" if target.against else "")


def notices_of(explanations: Sequence[Explanation], scale: Scale | None = None) -> list[str]:
    """Return the notices of each explanation, with the class unless they apply to all classes.

    `scale` gives the colour scale that was asked for, None where that is the usual one.
    """
    names, count = target_names(explanations), Counter(each.spec for each in explanations)
    said: dict[tuple[str, str], list[Target | Similarity]] = {}
    for each in explanations:
        for notice in each.notices_at(scale(each) if scale else None):
            said.setdefault((each.spec, notice), []).extend([each.target] if each.target else [])
    found = []
    for (spec, notice), targets in said.items():
        some = 0 < len(targets) < count[spec]
        classes = ", ".join(target_name(target, names) for target in targets)
        found.append(f"{spec} for {classes}: {notice}" if some else f"{spec}: {notice}")
    return found
