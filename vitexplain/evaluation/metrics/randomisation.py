"""Model randomisation: how similar the scores stay when the model's upper layers are re-initialised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.charts import chart_by_layer
from vitexplain.evaluation.correlation import spearman
from vitexplain.evaluation.measuring import last_scores, measure
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.reinitialised import Reinitialised
from vitexplain.evaluation.table import Group, Table, by_layer
from vitexplain.methods import Method, canonical_spec
from vitexplain.pipeline.reference import Reference
from vitexplain.pipeline.targets import Targets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

NOTE = (
    "Column Lk: layers k to L and the classifier re-initialised. Scores that stay close to the original model's (1.00) "
    "say little about what these layers learned."
)


class Randomisation(Metric):
    """Rank correlation with the original model's scores, by the lowest layer that is re-initialised."""

    names = rows = ("randomisation",)
    has_best = False
    by_layer = True
    plot = "evaluation.randomisation.png"

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return every method's scores under the models re-initialised from each layer upwards.

        They are of the class that the original model explained.
        """
        question, facts = study.question, study.facts
        models = study.once(Reinitialised, lambda: Reinitialised(study.run.model, question.seed))
        arrays: dict[str, npt.NDArray[Any]] = {}
        for layer in range(facts.layers, 0, -1):
            names = {method: _name(question, method, layer) for method in question.methods}
            lacking = [method for method, name in names.items() if name not in study.arrays]
            if lacking:
                reference = question.reference_image
                target = reference if isinstance(reference, Reference) else Targets(0, (facts.target,))
                found = measure(models.at(layer), study.pixels, study.image, dict.fromkeys(lacking, False), target)
                arrays |= {names[method]: last_scores(found, method, facts.layers) for method in lacking}
        return arrays

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the correlation of every method at every layer; NaN where scores are constant."""
        question, layers = study.question, study.facts.layers
        for method in question.methods:
            true = last_scores(study.arrays, method, layers)
            changed = np.stack([study.arrays[_name(question, method, layer)] for layer in range(1, layers + 1)])
            for layer, value in enumerate(spearman(changed, true[None])[:, 0], 1):
                yield Cell("randomisation", None, canonical_spec(method), layer), float(value)

    def tables(self, group: Group) -> list[Table]:
        """Return the table by layer."""
        title = f"Rank correlation with the original model's scores: {group.heading}"
        return [by_layer(title, group, NOTE)]

    def draw(self, evaluation: Evaluation) -> Figure | None:
        """Return one panel."""
        panels = [(None, "similarity to the original model")]
        return chart_by_layer(evaluation, "randomisation", panels, "lowest re-initialised layer")


def _name(question: Question, method: Method, layer: int) -> str:
    # "redrawn" stays: it is in the files of earlier runs.
    return f"redrawn {question.seed} {layer} {canonical_spec(method)}"
