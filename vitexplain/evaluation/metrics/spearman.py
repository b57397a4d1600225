"""Spearman: rank correlation of a method's scores with a reference's, by layer (Abnar & Zuidema 2020, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vitexplain.errors import UsageError
from vitexplain.evaluation.cells import REMOVAL_OPTIONS, Cell, reference_name
from vitexplain.evaluation.charts import chart_by_layer
from vitexplain.evaluation.correlation import spearman
from vitexplain.evaluation.measuring import last_scores
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.table import Group, Table, beside_controls, by_layer
from vitexplain.methods import Method, options_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

AUTHORS = (
    "Three differences from the authors' script (Abnar & Zuidema 2020): it takes for each token the maximum over all "
    "source tokens, here the source is the readout; it takes the absolute sum of a gradient (reduce=sum), here its "
    "norm; its formula ignores ties, here tied scores share the mean of their ranks."
)


class Spearman(Metric):
    """Rank correlation with each reference, on the graph cut off after every layer."""

    names = rows = ("spearman",)
    by_layer = True
    options = frozenset({"references"})
    plot = "evaluation.by-layer.png"

    def check(self, question: Question) -> None:
        """Raise UsageError where there is nothing to compare with."""
        if not question.references:
            raise UsageError("metric 'spearman' needs a reference: give blank-out or input-gradient")

    def scores(self, question: Question) -> dict[Method, bool]:
        """Return the methods, by layer, and the references."""
        found = dict.fromkeys(question.methods, True)
        for reference in question.references:
            found.setdefault(reference, False)
        return found

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield the correlation of every candidate at every layer with every reference; NaN where one is constant."""
        layers, references = study.facts.layers, study.question.references
        true = np.stack([last_scores(study.arrays, reference, layers) for reference in references])
        found = [
            (candidate.name, layer, study.scores(candidate, layer))
            for candidate in study.candidates(by_layer=True)
            for layer in candidate.layers
        ]
        # Missing scores count as constant: an image alone with its grid has no pair.
        nothing = np.zeros(true.shape[1])
        correlations = spearman(np.stack([nothing if scores is None else scores for _, _, scores in found]), true)
        for column, reference in enumerate(references):
            for place, (name, layer, _) in enumerate(found):
                yield Cell("spearman", reference, name, layer), float(correlations[place, column])

    def tables(self, group: Group) -> list[Table]:
        """Return the table by layer, and the last layer beside the controls."""
        assert group.reference is not None
        options = options_of(group.reference)
        how = ",".join(f"{name}={options[name]}" for name in REMOVAL_OPTIONS if name in options)
        named = f"{reference_name(group.reference)}{f' ({how})' if how else ''}"
        title = f"Spearman's rank correlation with {named}: {group.heading}"
        return [by_layer(title, group, AUTHORS), beside_controls(f"{title}, last layer", group)]

    def draw(self, evaluation: Evaluation) -> Figure | None:
        """Return a panel for every reference."""
        panels = [(reference, reference_name(reference)) for reference in evaluation.question.references]
        return chart_by_layer(evaluation, "spearman", panels, "layer")
