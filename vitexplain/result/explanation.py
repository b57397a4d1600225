"""Explanation: what one method found; the classes that it and a prediction name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vitexplain.errors import ModelError
from vitexplain.render import DIVERGING, Drawing
from vitexplain.result.json_values import plain, plain_number


@dataclass(frozen=True)
class Prediction:
    """One class the model predicts: its index, label and WordNet id (None where unknown), probability in [0, 1]."""

    index: int
    label: str | None
    id: str | None
    probability: float


@dataclass(frozen=True)
class Target:
    """The class that a class-specific method explains; `against`: the class whose logit is subtracted, if any."""

    index: int
    label: str | None
    id: str | None
    against: Target | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method found: scores (rows, cols) in the method's own unit, never rescaled.

    `layers` counts from 1, both ends included; `options` holds all options, `spec` only those that differ from the
    defaults. `cut_layers` names for every patch the layers that its minimum cut passes, the one that carries most of
    the cut first; one more than the last layer stands for the edges of a virtual source. `signed`: a score of 0 says
    nothing, its sign says for or against the target. Scores that are not finite raise ModelError: a model that
    overflowed explains nothing.
    """

    method: str
    spec: str
    options: Mapping[str, object]
    scores: np.ndarray[Any, np.dtype[Any]]
    unit: str
    layers: tuple[int, int]
    source: str | None = None
    target: Target | None = None
    statistics: Mapping[str, float | int | None] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    cut_layers: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    signed: bool = False

    def __post_init__(self) -> None:
        if not np.isfinite(self.scores).all():
            raise ModelError(
                f"{self.spec} gave scores that are not finite numbers: the model's attention overflowed or its "
                "weights hold NaN; try --dtype float32, or other weights"
            )

    @property
    def display(self) -> tuple[float, float]:
        """The ends of the colour scale unless another is asked for: the smallest and the largest score.

        For signed scores the largest absolute score on both sides, so that 0 is in the middle.
        """
        if self.signed:
            largest = plain_number(np.abs(self.scores).max())
            return -largest, largest
        return plain_number(self.scores.min()), plain_number(self.scores.max())

    def drawn(self, drawing: Drawing) -> Drawing:
        """Return how these scores are drawn: signed ones with the diverging map, 0 in its middle."""
        if not self.signed:
            return drawing
        low, high = self.display
        scale = (low, high) if drawing.scale is None and low < high else drawing.scale
        return replace(drawing, colormap=DIVERGING, scale=scale)

    def to_record(
        self, files: Mapping[str, str] | None = None, display: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """Return the entry of `explanations`; `files` maps overlay, heatmap, npy, cut_layers to relative paths."""
        low, high = self.display if display is None else display
        record: dict[str, Any] = {
            "method": self.method,
            "spec": self.spec,
            "options": plain(self.options),
            "layers": list(self.layers),
            "source": self.source,
            "target": None if self.target is None else _target(self.target),
            "scores": [[plain_number(score) for score in row] for row in self.scores],
            "unit": self.unit,
        }
        if self.cut_layers is not None:
            record["cut_layers"] = plain(self.cut_layers)
        record["statistics"] = plain(self.statistics)
        record["notices"] = list(self.notices)
        record["display"] = {"low": low, "high": high}
        record["files"] = dict(files or {})
        return record


def class_fields(named: Prediction | Target) -> dict[str, Any]:
    """Return the three fields that name a class."""
    return {"index": named.index, "label": named.label, "id": named.id}


def _target(target: Target) -> dict[str, Any]:
    """Return the fields of a target; `against` is there only where it is explained against another class."""
    fields = class_fields(target)
    if target.against is not None:
        fields["against"] = class_fields(target.against)
    return fields
