"""Removal: the model's probabilities when patches are removed in the order of scores, for the metrics that do so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import ModelError
from vitexplain.evaluation.candidates import Candidate
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName, outputs_without

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

Order = npt.NDArray[np.intp]
Curve = npt.NDArray[np.float64]


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


def ranked(scores: npt.NDArray[Any], seed: int, image: str) -> Order:
    """Return the patches in the order of their scores, the highest first; ties in a random order of the image's own.

    Otherwise tied patches would go row by row from the top, which is an explanation of its own.
    """
    drawn = hashlib.sha256(f"{seed}:ties:{image}".encode()).digest()
    shuffled = np.random.default_rng(int.from_bytes(drawn, "big")).permutation(len(scores))
    order: Order = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return order


def end(forward_pass: ForwardPass, patches: int, fill: FillName, *, empty: bool) -> Curve:
    """Return the target's answer (1,) for the whole image, or for none of its patches: the ends of all curves."""
    removed = torch.full((1, patches), empty)
    outputs = forward_pass.once(("end", fill, empty), lambda: outputs_without(forward_pass, 0, removed, fill))
    return _of_target(forward_pass, outputs, fill)


def answers(forward_pass: ForwardPass, removed: npt.NDArray[np.bool_], fill: FillName) -> Curve:
    """Return the target's answer (K,) for variants of the pass's one image, removed (K, P).

    That is its probability, or its value or similarity where it has none.
    """
    if not len(removed):
        return np.empty(0)
    return _of_target(forward_pass, outputs_without(forward_pass, 0, torch.from_numpy(removed), fill), fill)


def _of_target(forward_pass: ForwardPass, outputs: Tensor, fill: FillName) -> Curve:
    found: Curve = forward_pass.answer(outputs, 0).double().cpu().numpy()
    if not np.isfinite(found).all():
        raise ModelError(
            f"fill={fill}: the model gives no finite numbers without patches: use fill=mean, blur or black"
        )
    return found
