"""Removal: the model's probabilities when patches are removed in the order of scores, for the metrics that do so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vitexplain.evaluation.candidates import Candidate
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName, outputs_without
from vitexplain.methods.removal import Curve as Curve
from vitexplain.methods.removal import Order as Order
from vitexplain.methods.removal import answers_of
from vitexplain.methods.removal import ranked as ranked

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study


def measured(
    study: Study, kind: str, parts: int, compute: Callable[[npt.NDArray[Any], Order], npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a kind that the study lacks, `compute` of each candidate's scores (P,) and their order."""
    found = {}
    for candidate in study.candidates(by_layer=False):
        scores = study.scores(candidate, candidate.layers[-1])
        name = _name(study, kind, parts, candidate)
        if scores is not None and name not in study.arrays:
            found[name] = compute(scores, ranked(scores, study.question.seed, study.image))
    return found


def kept(study: Study, kind: str, parts: int) -> Iterator[tuple[Candidate, npt.NDArray[Any] | None]]:
    """Yield every candidate with its array of a kind; None where it needs a pair and there is none."""
    for candidate in study.candidates(by_layer=False):
        yield candidate, study.arrays.get(_name(study, kind, parts, candidate))


def _name(study: Study, kind: str, parts: int, candidate: Candidate) -> str:
    question = study.question
    whose = candidate.name
    if candidate.of_other and study.other is not None:
        whose = f"{candidate.name} {study.other.image}"
    return f"{kind} {question.fill} {parts} {question.seed} {whose}"


def removal_fields(question: Question) -> dict[str, Any]:
    """Return what records say of how patches are removed."""
    return {"of": question.of, "fill": question.fill}


def end(forward_pass: ForwardPass, patches: int, fill: FillName, *, empty: bool) -> Curve:
    """Return the target's answer (1,) for the whole image, or for none of its patches: the ends of all curves."""
    removed = torch.full((1, patches), empty)
    outputs = forward_pass.once(("end", fill, empty), lambda: outputs_without(forward_pass, 0, removed, fill))
    return answers_of(forward_pass, outputs, 0, fill)


def answers(forward_pass: ForwardPass, removed: npt.NDArray[np.bool_], fill: FillName) -> Curve:
    """Return the target's answer (K,) for variants of the pass's one image, removed (K, P).

    That is its probability, or its value or similarity where it has none.
    """
    if not len(removed):
        return np.empty(0)
    outputs = outputs_without(forward_pass, 0, torch.from_numpy(removed), fill)
    return answers_of(forward_pass, outputs, 0, fill)
