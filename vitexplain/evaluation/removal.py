"""Removal: what the model answers when patches are removed in the order of scores, for the metrics that do so."""

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
from vitexplain.methods.removal import Removed as Removed
from vitexplain.methods.removal import answers_of
from vitexplain.methods.removal import ranked as ranked
from vitexplain.methods.removal import removed_at as removed_at

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study


class Removals:
    """The model's answers without some of one image's patches, each asked for once and in full batches.

    What several curves have in common (their ends, and all of two orders that are each other's reverse) is one variant.
    """

    def __init__(self, forward_pass: ForwardPass, fill: FillName) -> None:
        self._forward_pass, self._fill = forward_pass, fill
        self._known: dict[bytes, tuple[float, float]] = {}

    def answers(self, removed: Removed) -> npt.NDArray[np.float64]:
        """Return (2, K) for variants of the image, removed (K, P): the target's probability, and its logit.

        Both are its value or similarity where it has no probability. ModelError: they are not finite.
        """
        keys = [row.tobytes() for row in np.packbits(removed, axis=1)]
        places = {key: place for place, key in enumerate(keys) if key not in self._known}
        if places:
            variants = torch.from_numpy(removed[list(places.values())])
            outputs = outputs_without(self._forward_pass, 0, variants, self._fill)
            probabilities = answers_of(self._forward_pass, outputs, 0, self._fill)
            logits = self._forward_pass.of_target(outputs, 0).double().cpu().numpy()
            self._known.update(zip(places, zip(probabilities, logits, strict=True), strict=True))
        both: npt.NDArray[np.float64] = np.array([self._known[key] for key in keys], np.float64).reshape(-1, 2).T
        return both


def measured(
    study: Study,
    kind: str,
    parts: int,
    variants: Callable[[Candidate, Order], Removed],
    compute: Callable[[Candidate, npt.NDArray[Any], Order], npt.NDArray[Any]],
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a kind that the study lacks, `compute` of each candidate, its scores (P,) and their order.

    `variants` are those that `compute` will ask for: all candidates' are asked for together.
    """
    lacking = {}
    for candidate in study.candidates(by_layer=False, shared=True):
        scores = study.scores(candidate, candidate.layers[-1])
        name = _name(study, kind, parts, candidate)
        if scores is not None and name not in study.arrays:
            lacking[name] = candidate, scores, ranked(scores, study.question.seed, study.image)
    if lacking:
        study.removals.answers(np.concatenate([variants(candidate, order) for candidate, _, order in lacking.values()]))
    return {name: compute(*each) for name, each in lacking.items()}


def kept(study: Study, kind: str, parts: int) -> Iterator[tuple[Candidate, npt.NDArray[Any] | None]]:
    """Yield every candidate with its array of a kind; None where it needs a pair and there is none."""
    for candidate in study.candidates(by_layer=False, shared=True):
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
