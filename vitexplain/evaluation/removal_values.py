"""Deletion, insertion and SaCo of every candidate: which are still to be computed, and their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.evaluation.measuring import Facts
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.removal import area, ranked, removal_curves, saco
from vitexplain.evaluation.rows import Cell
from vitexplain.evaluation.store import Arrays
from vitexplain.evaluation.values import Candidate, candidates
from vitexplain.forward_pass import ForwardPass
from vitexplain.models import LoadedModel


def removal_missing(
    question: Question, arrays: Arrays, image: str, other: str | None, *, others: bool
) -> list[tuple[str, str, Candidate]]:
    """Return what is not kept yet: the array's name, the kind ("curves" or "saco"), and the candidate."""
    return [
        (name, kind, candidate)
        for name, kind, candidate in _needed(question, arrays, image, other, others=others)
        if name not in arrays
    ]


def removal_arrays(
    model: LoadedModel,
    pixels: Tensor,
    question: Question,
    image: str,
    wanted: list[tuple[str, str, Candidate]],
    sources: tuple[Arrays, Arrays | None],
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of `wanted`; `sources` are the scores of the image, pixels (1, 3, H, W), and of its other."""
    facts = Facts.of(sources[0])
    forward_pass = ForwardPass(model, pixels, (), (image,)).for_target(torch.tensor([facts.target]))
    found: dict[str, npt.NDArray[Any]] = {}
    for name, kind, candidate in wanted:
        source = sources[candidate.of_other]
        assert source is not None
        scores = np.asarray(candidate.find(source, candidate.layers[-1]))
        order = ranked(scores, question.seed, image)
        if kind == "curves":
            found[name] = removal_curves(forward_pass, order, question.steps, question.fill)
        else:
            found[name] = np.array(saco(forward_pass, scores, order, question.groups, question.fill))
    return found


def removal_values(
    question: Question, arrays: Arrays, image: str, other: str | None, *, others: bool
) -> Iterator[tuple[Cell, float]]:
    """Yield the areas under the curves, their difference where both are asked for, and SaCo."""
    for name, kind, candidate in _needed(question, arrays, image, other, others=others, alone=True):
        found = arrays.get(name)
        for metric in _metrics(question, kind):
            value = float("nan")
            if found is not None and kind == "saco":
                value = float(found)
            elif found is not None:
                deletion, insertion = area(found[0]), area(found[1])
                areas = {"deletion": deletion, "insertion": insertion}
                value = areas.get(metric, insertion - deletion)
            yield Cell(metric, None, candidate.name, candidate.layers[-1]), value


def removal_curves_of(
    question: Question, arrays: Arrays, image: str, other: str | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the curves (2, steps + 1) of every candidate of the image that has some."""
    needed = _needed(question, arrays, image, other, others=other is not None)
    return {candidate.name: arrays[name] for name, kind, candidate in needed if kind == "curves"}


def _needed(
    question: Question, arrays: Arrays, image: str, other: str | None, *, others: bool, alone: bool = False
) -> Iterator[tuple[str, str, Candidate]]:
    """Yield every candidate of the image; with `alone` also those of another image that it does not have."""
    kinds = ["curves"] * question.removes + ["saco"] * ("saco" in question.metrics)
    for candidate in candidates(question, Facts.of(arrays), image, others=others, by_layer=False):
        if candidate.of_other and other is None and not alone:
            continue
        whose = f"{candidate.name} {other}" if candidate.of_other else candidate.name
        for kind in kinds:
            parts = question.steps if kind == "curves" else question.groups
            yield f"{kind} {question.fill} {parts} {question.seed} {whose}", kind, candidate


def _metrics(question: Question, kind: str) -> list[str]:
    if kind == "saco":
        return ["saco"]
    asked: list[str] = [metric for metric in ("deletion", "insertion") if metric in question.metrics]
    return [*asked, "insertion_minus_deletion"] if len(asked) == 2 else asked
