"""Candidates: the methods judged and their controls, and which controls each method is compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.controls import CENTRE, CHANCE, OTHER, RANDOM, centre, is_control
from vitexplain.evaluation.measuring import Arrays, Facts, layer_numbers, score_at
from vitexplain.methods import Method, canonical_spec, has_layers
from vitexplain.methods.random import Random

Scores = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Candidate:
    """Scores to judge: what the tables call them, and for every layer how they are found in an image's arrays.

    `of_other`: they are found in the arrays of the image that it is paired with.
    """

    name: str
    layers: tuple[int, ...]
    find: Callable[[Arrays, int], Scores]
    of_other: bool = False


def candidates(
    methods: Sequence[Method], seed: int, facts: Facts, image: str, *, others: int, by_layer: bool
) -> list[Candidate]:
    """Return the methods, then the controls: random, centre, maps of another image by `others` methods."""
    every = tuple(range(1, facts.layers + 1)) if by_layer else (facts.layers,)
    judged = [
        Candidate(canonical_spec(method), _layers(method, facts, every, by_layer=by_layer), _finder(method, facts))
        for method in methods
    ]
    drawn = Random(seed).draw(image, facts.rows * facts.cols)
    middle = centre(facts.rows, facts.cols)
    found = [candidate for candidate in judged if candidate.name != RANDOM]
    found.append(Candidate(RANDOM, every, lambda _arrays, _layer: drawn))
    found.append(Candidate(CENTRE, every, lambda _arrays, _layer: middle))
    found += [
        Candidate(f"{candidate.name}{OTHER}", candidate.layers, candidate.find, of_other=True)
        for candidate in [candidate for candidate in judged if candidate.name != RANDOM][:others]
    ]
    return found


def compared(cells: Collection[Cell]) -> dict[Cell, list[Cell]]:
    """Return for every method's last layer, metric and reference, the cells of its controls there.

    They are random, centre, chance, and the method's own map of another image: any one's where it has none.
    """
    last: dict[Cell, int] = {}
    others: dict[Cell, list[str]] = {}
    for cell in cells:
        at = replace(cell, layer=0)
        if at not in last and cell.method.endswith(OTHER):
            others.setdefault(replace(at, method=""), []).append(cell.method)
        last[at] = max(cell.layer, last.get(at, 0))
    found = {}
    for cell in cells:
        if is_control(cell.method) or cell.layer != last[replace(cell, layer=0)]:
            continue
        own, known = f"{cell.method}{OTHER}", others.get(replace(cell, method="", layer=0), [])
        found[cell] = [
            # By layer, a control has every layer; otherwise only the model's last one, wherever the method ends.
            at if (at := replace(cell, method=name)) in cells else replace(at, layer=last[replace(at, layer=0)])
            for name in (RANDOM, CENTRE, CHANCE, *([own] if own in known else known))
            if replace(cell, method=name, layer=0) in last
        ]
    return found


def _finder(method: Method, facts: Facts) -> Callable[[Arrays, int], Scores]:
    return lambda arrays, layer: score_at(arrays, method, layer, facts.layers)


def _layers(method: Method, facts: Facts, every: tuple[int, ...], *, by_layer: bool) -> tuple[int, ...]:
    return layer_numbers(method, facts.layers, by_layer=by_layer) if has_layers(method) else every
