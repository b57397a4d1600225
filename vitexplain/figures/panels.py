"""Panels: which explanation goes where in a comparison: side by side, by layer, by head, or by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from vitexplain.figures.words import METHODS, panel_title
from vitexplain.result import Explanation, Prediction, Similarity, Target, target_name, target_names


@dataclass(frozen=True, eq=False)
class Panel:
    """One explanation and its title; `described`: the title of its row says in words what the method shows."""

    title: str
    explanation: Explanation
    described: bool = False


@dataclass(frozen=True, eq=False)
class Row:
    """The panels of one row under a common title; a row without a title is wrapped where it is too long."""

    title: str | None
    panels: tuple[Panel | None, ...]


def side_by_side(explanations: Sequence[Explanation]) -> list[Row]:
    """Return the explanations in their order, each under its method and options."""
    return [Row(None, tuple(Panel(panel_title(explanation), explanation) for explanation in explanations))]


def rows_by_layer(explanations: Sequence[Explanation]) -> list[Row]:
    """Return one row per method (and class, if it explains one), one column per layer k: the graph cut off after it.

    The explanations of a row come together, in the order of k. A method without layers fills the last column.
    """
    last = max((explanation.layers[1] for explanation in explanations), default=0)
    first = min((explanation.layers[1] for explanation in explanations), default=0)
    names = target_names(explanations)
    rows = []
    for (name, _, _), group in groupby(explanations, key=_row_of_layers):
        at: list[Panel | None] = [None] * (last - first + 1)
        for explanation in group:
            at[explanation.layers[1] - first] = Panel(layers_shown(explanation), explanation, described=True)
        target = explanation.target
        title = name if target is None else f"{name}, {target_name(target, names)}"
        rows.append(Row(_described(title, explanation), tuple(at)))
    return rows


def rows_by_head(explanations: Sequence[Explanation]) -> list[Row]:
    """Return one column per head, and one row per method, or per layer of raw attention.

    The explanations of a row come together, in the order of the heads.
    """
    rows = []
    for name, group in groupby(explanations, key=_row_of_heads):
        panels = [Panel(f"head {each.options['head']}", each, described=True) for each in group]
        rows.append(Row(_described(name, panels[0].explanation), tuple(panels)))
    return rows


def rows_by_target(explanations: Sequence[Explanation], predictions: Sequence[Prediction]) -> list[Row]:
    """Return one row per class, in their order, and one column per method that explains a class.

    Methods that explain no class share one last row. `predictions` give the classes' probabilities.
    """
    known = {each.index: f", {each.shown}" for each in predictions}
    names = target_names(explanations)
    rows: dict[str, tuple[str, list[Panel]]] = {}
    others: list[Panel] = []
    for explanation in explanations:
        panel, target = Panel(panel_title(explanation), explanation), explanation.target
        if target is None:
            others.append(panel)
            continue
        rows.setdefault(target.part, (_title(target, names, known), []))[1].append(panel)
    made = [Row(title, tuple(panels)) for title, panels in rows.values()]
    whatever = "any reference" if any(isinstance(each.target, Similarity) for each in explanations) else "any class"
    return [*made, Row(whatever, tuple(others))] if others else made


def _title(target: Target | Similarity, names: Mapping[int, str], known: Mapping[int, str]) -> str:
    """Return what stands above the row of a target: the class with its probability, and that of the other one."""
    if isinstance(target, Similarity):
        return target_name(target, names)
    name = f"what lowers {names[target.index]}" if target.lowers else names[target.index]
    title = name + known.get(target.index, "")
    if target.against is not None:
        title += f", against {names[target.against.index]}{known.get(target.against.index, '')}"
    return title


def _described(title: str, explanation: Explanation) -> str:
    """Return a row's title with what its method shows."""
    words = METHODS.get(explanation.method)
    return f"{title}: {words}" if words else title


def _row_of_layers(explanation: Explanation) -> tuple[str, str | None, object]:
    """Return what the explanations of one row share: the method, the class, and the layer they start at."""
    layers, target = explanation.options.get("layers"), explanation.target
    start = layers[0] if isinstance(layers, tuple) else None
    return spec_without(explanation, "layers"), None if target is None else target.part, start


def _row_of_heads(explanation: Explanation) -> str:
    name = spec_without(explanation, "head", "layers")
    return f"{name}, {layers_shown(explanation)}"


def layers_shown(explanation: Explanation) -> str:
    """Return the layers of an explanation in words."""
    first, last = explanation.layers
    return f"layer {last}" if first == last else f"layers {first} to {last}"


def spec_without(explanation: Explanation, *names: str) -> str:
    """Return the spec without some of its options."""
    name, _, options = explanation.spec.partition(":")
    # A comma separates options only where `key=` follows: source=patch:3,4 has a comma of its own.
    kept: list[str] = []
    for part in options.split(","):
        if "=" in part or (part and not kept):
            kept.append(part)
        elif part:
            kept[-1] += f",{part}"
    rest = ",".join(part for part in kept if part.partition("=")[0] not in names)
    return f"{name}:{rest}" if rest else name
