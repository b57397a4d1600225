"""Panels: which explanation stands where in a comparison: side by side, by layer, or by head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from vitexplain.result import Explanation


@dataclass(frozen=True, eq=False)
class Panel:
    """One explanation and what stands above it."""

    title: str
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class Row:
    """Panels that stand in one row under a title of their own; a row without title is broken where it is too long."""

    title: str | None
    panels: tuple[Panel | None, ...]


def side_by_side(explanations: Sequence[Explanation]) -> list[Row]:
    """Return the explanations as they come, each under its spec."""
    return [Row(None, tuple(Panel(explanation.spec, explanation) for explanation in explanations))]


def rows_by_layer(explanations: Sequence[Explanation]) -> list[Row]:
    """Return one row a method and one column a layer k: the graph cut off after layer k.

    The explanations of a method stand together, in the order of k. One without layers fills the last column.
    """
    last = max(explanation.layers[1] for explanation in explanations)
    first = min(explanation.layers[1] for explanation in explanations)
    rows = []
    for (name, _), group in groupby(explanations, key=_row_of_layers):
        at: list[Panel | None] = [None] * (last - first + 1)
        for explanation in group:
            at[explanation.layers[1] - first] = Panel(_layers(explanation), explanation)
        rows.append(Row(name, tuple(at)))
    return rows


def rows_by_head(explanations: Sequence[Explanation]) -> list[Row]:
    """Return one column a head, and one row a method, or a layer of raw attention.

    The explanations of a row stand together, in the order of the heads.
    """
    rows = []
    for name, group in groupby(explanations, key=_row_of_heads):
        panels = [Panel(f"head {explanation.options['head']}", explanation) for explanation in group]
        rows.append(Row(name, tuple(panels)))
    return rows


def _row_of_layers(explanation: Explanation) -> tuple[str, object]:
    layers = explanation.options.get("layers")
    return _without(explanation, "layers"), layers[0] if isinstance(layers, tuple) else None


def _row_of_heads(explanation: Explanation) -> str:
    name = _without(explanation, "head", "layers")
    return f"{name}, {_layers(explanation)}"


def _layers(explanation: Explanation) -> str:
    first, last = explanation.layers
    return f"layer {last}" if first == last else f"layers {first} to {last}"


def _without(explanation: Explanation, *names: str) -> str:
    """Return the spec without some of its options."""
    name, _, options = explanation.spec.partition(":")
    # A comma separates options only where `key=` follows: source=patch:3,4 has a comma of its own.
    kept: list[str] = []
    for part in options.split(","):
        if "=" in part:
            kept.append(part)
        elif part:
            kept[-1] += f",{part}"
    rest = ",".join(part for part in kept if part.partition("=")[0] not in names)
    return f"{name}:{rest}" if rest else name
