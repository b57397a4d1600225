"""The table of metrics: every file is in it, and what its metrics are called fits everywhere (milliseconds)."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from vitexplain.evaluation import METRICS, Metric, metrics
from vitexplain.evaluation.metrics import PLOTS, metric_of
from vitexplain.output import schema

FILES = sorted(
    path.stem for path in Path(metrics.__file__).parent.glob("*.py") if path.stem not in ("__init__", "metric")
)


@pytest.mark.parametrize("file", FILES)
def test_the_metric_of_every_file_is_in_the_table(file: str) -> None:
    module = importlib.import_module(f"vitexplain.evaluation.metrics.{file}")
    found = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Metric) and kind.__module__ == module.__name__
    ]
    assert len(found) == 1, f"evaluation/metrics/{file}.py: expected one metric"
    known = {type(metric) for metric in METRICS.values()}
    assert found[0] in known, f"evaluation/metrics/{file}.py: add {found[0].__name__} to METRICS in metrics/__init__.py"


def test_names_are_apart_and_lead_back_to_their_metric() -> None:
    each = list(dict.fromkeys(METRICS.values()))
    for given in ([metric.names for metric in each], [metric.rows for metric in each]):
        names = [name for of_one in given for name in of_one]
        assert len(names) == len(set(names))
    for metric in each:
        assert set(metric.names) <= set(metric.rows) and metric.lower_is_better <= set(metric.rows)
        for row in metric.rows:
            assert metric_of(row) is metric and metric_of(f"{row}_difference") is metric
            assert re.fullmatch(schema("evaluation")["properties"]["metric"]["pattern"], row)
    assert len(PLOTS) == len([metric for metric in each if metric.plot is not None])
