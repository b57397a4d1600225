"""Target sensitivity: how alike are a method's maps of the two most probable classes?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch

from vitexplain.errors import UsageError
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.correlation import spearman
from vitexplain.evaluation.measuring import last_scores, measure
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.table import Group, Table, means_only
from vitexplain.methods import canonical_spec
from vitexplain.pipeline.targets import Targets

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study
    from vitexplain.models import LoadedModel


class TargetSensitivity(Metric):
    """Rank correlation between the maps of the class explained and of the most probable other one; 1 is class-blind."""

    names = rows = ("target_sensitivity",)
    has_best = False

    def check(self, question: Question) -> None:
        """Raise UsageError where no class is explained."""
        if question.reference_image is not None:
            raise UsageError("metric 'target_sensitivity' compares two classes, and `reference_image=` explains none")

    def check_model(self, question: Question, model: LoadedModel) -> None:  # noqa: ARG002 - the same for all
        """Raise UsageError for a model of one class."""
        if model.num_classes < 2:
            raise UsageError("metric 'target_sensitivity' compares two classes, and the model has one: leave it out")

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return the scores, of the other class, of every method that explains a class."""
        asked = [method for method in study.question.methods if "target" in method.needs]
        lacking = [method for method in asked if _name(canonical_spec(method)) not in study.arrays]
        if not lacking:
            return {}
        logits, target = study.forward_pass.logits, study.facts.target
        assert logits is not None
        others = logits[0].clone()
        others[target if target >= 0 else -1 - target] = -torch.inf
        second = Targets(0, (int(others.argmax()),))
        found = measure(study.run.model, study.pixels, study.image, dict.fromkeys(lacking, False), second)
        layers = study.facts.layers
        return {_name(canonical_spec(method)): last_scores(found, method, layers) for method in lacking}

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the correlation of every method, 1 for one that explains no class; NaN where scores are constant."""
        layers = study.facts.layers
        for method in study.question.methods:
            other = study.arrays.get(_name(canonical_spec(method)))
            value = 1.0
            if other is not None:
                value = float(spearman(last_scores(study.arrays, method, layers)[None], other[None])[0, 0])
            yield Cell("target_sensitivity", None, canonical_spec(method), layers), value

    def tables(self, group: Group) -> list[Table]:
        """Return the means."""
        what = "Target sensitivity, rank correlation between the maps of the two most probable classes (1: class-blind)"
        return [means_only(f"{what}: {group.heading}", group)]


def _name(spec: str) -> str:
    return f"second class {spec}"
