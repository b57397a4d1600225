"""The judge's metrics, one a file: what each measures of an image, its rows, its tables and its plot."""

from __future__ import annotations

from vitexplain.evaluation.cells import BEST, DIFFERENCE
from vitexplain.evaluation.metrics.completeness import Completeness
from vitexplain.evaluation.metrics.deletion_insertion import DeletionInsertion
from vitexplain.evaluation.metrics.localisation import Localisation
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.metrics.randomisation import Randomisation
from vitexplain.evaluation.metrics.saco import Saco
from vitexplain.evaluation.metrics.sparseness import Sparseness
from vitexplain.evaluation.metrics.spearman import Spearman
from vitexplain.evaluation.metrics.stability import Stability
from vitexplain.evaluation.metrics.target_sensitivity import TargetSensitivity

__all__ = ["METRICS", "PLOTS", "Metric", "metric_of"]

METRICS: dict[str, Metric] = {
    name: metric
    for metric in (
        Spearman(),
        Localisation(),
        DeletionInsertion(),
        Saco(),
        Stability(),
        TargetSensitivity(),
        Sparseness(),
        Completeness(),
        Randomisation(),
    )
    for name in metric.names
}
"""Every metric by the names under which it is requested; a new one is one file and one line here."""

PLOTS: tuple[str, ...] = tuple(dict.fromkeys(metric.plot for metric in METRICS.values() if metric.plot is not None))
"""The file names of an evaluation's plots."""

_BY_ROW = {row: metric for metric in METRICS.values() for row in metric.rows}


def metric_of(row: str) -> Metric:
    """Return the metric that rows of this name, or their differences from controls or the best, belong to."""
    return _BY_ROW[row.removesuffix(DIFFERENCE).removesuffix(BEST)]
