"""Result, Explanation, Prediction, Failure: what is known about one image, and its record (schema "vitexplain/1").

A record is a plain dict whose keys always stand in the same order, so that the same result gives the same bytes. Scores
keep the numbers that the method found: a float32 is written as its shortest decimal, a float64 by its repr.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain import __version__
from vitexplain.errors import ModelError, UsageError, VitexplainError
from vitexplain.render import DIVERGING, Drawing, draw_overlay, encode_png

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import Picture, View

SCHEMA = "vitexplain/1"


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


@dataclass(frozen=True)
class ModelInfo:
    """The model as a record names it; `grid` is (rows, cols) for the pixels that this image was given as."""

    name: str
    source: str
    layers: int
    heads: int
    tokens: int
    prefix: int
    grid: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method found: scores (rows, cols) in the method's own unit, never rescaled.

    `layers` counts from 1, both ends included; `options` holds all options, `spec` only those that differ from the
    defaults. `cut_layers` names for every patch the layers that its minimum cut passes, the one that carries most of
    the cut first. `signed`: a score of 0 says nothing, its sign says for or against the target. Scores
    that are not finite raise ModelError: a model that overflowed explains nothing.
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


@dataclass(frozen=True, eq=False)
class Result:
    """One image explained: the picture, the view the model had of it, what it predicted, and what each method found."""

    picture: Picture
    view: View
    model: ModelInfo
    predictions: tuple[Prediction, ...]
    explanations: tuple[Explanation, ...]
    runtime: Mapping[str, object] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    version: str = __version__

    def to_record(
        self,
        files: Sequence[Mapping[str, str]] | None = None,
        display: tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """Return the record; `files` has one mapping per explanation, `display` is the colour scale if one was given.

        The top-level `notices` (an animation's first frame, say) is there only when there is something to say.
        """
        written: Sequence[Mapping[str, str]] = [{} for _ in self.explanations] if files is None else files
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "image": {
                "path": self.picture.path,
                "sha256": self.picture.sha256,
                "width": self.picture.width,
                "height": self.picture.height,
                "view": {"kind": self.view.kind, "box": plain(self.view.box), "size": plain(self.view.size)},
            },
            "model": {
                "name": self.model.name,
                "source": self.model.source,
                "layers": self.model.layers,
                "heads": self.model.heads,
                "tokens": self.model.tokens,
                "prefix": self.model.prefix,
                "grid": list(self.model.grid),
            },
            "predictions": [{**_class(p), "probability": plain(p.probability)} for p in self.predictions],
            "explanations": [
                explanation.to_record(named, display)
                for explanation, named in zip(self.explanations, written, strict=True)
            ],
            "runtime": plain(self.runtime),
        }
        notices = [*self.picture.notices, *self.notices]
        if notices:
            record["notices"] = notices
        return {**record, "seconds": _seconds(self.seconds), "version": self.version}

    def to_json(self) -> str:
        """Return the record as one line of JSON, without the line's end."""
        return dump(self.to_record())

    def overlay(self, index: int = 0, **drawing: Any) -> Image.Image:
        """Return the picture with the heatmap of explanation `index` on it; keywords are the fields of Drawing."""
        if not -len(self.explanations) <= index < len(self.explanations):
            raise UsageError(
                f"there is no explanation {index}: this result holds {len(self.explanations)}, counted from 0"
            )
        explanation = self.explanations[index]
        drawn = explanation.drawn(Drawing(**drawing))
        return draw_overlay(self.picture.image, explanation.scores, self.view, drawn)

    def _repr_png_(self) -> bytes | None:
        """Return the overlay of the first explanation as PNG: what a notebook shows."""
        return encode_png(self.overlay(), self.picture.sha256) if self.explanations else None


@dataclass(frozen=True, eq=False)
class Failure:
    """One image that could not be explained, and why; `path` is the path as given."""

    path: str | None
    error: VitexplainError
    seconds: Mapping[str, float] = field(default_factory=dict)
    version: str = __version__

    def to_record(self) -> dict[str, Any]:
        """Return the record of the failure."""
        return {
            "schema": SCHEMA,
            "image": {"path": self.path},
            "error": {"type": type(self.error).__name__, "message": str(self.error)},
            "seconds": _seconds(self.seconds),
            "version": self.version,
        }

    def to_json(self) -> str:
        """Return the record as one line of JSON, without the line's end."""
        return dump(self.to_record())


def dump(record: Mapping[str, Any]) -> str:
    r"""Return one line of ASCII JSON without its end; bytes of a path that are no UTF-8 stand as \udcXX escapes."""
    return json.dumps(record, allow_nan=False, ensure_ascii=True)


def plain(value: object) -> Any:
    """Return `value` as JSON's own types: tuples and arrays as lists, numpy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.bool_):
        return bool(value)
    return plain_number(value) if isinstance(value, np.number) else value


def plain_number(value: Any) -> Any:
    """Return a numpy number as an int, or as the float with the shortest decimal that means the same number."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.float64):
        return float(value)
    return float(str(value)) if isinstance(value, np.floating) else value


def _class(named: Prediction | Target) -> dict[str, Any]:
    """Return the three fields that name a class."""
    return {"index": named.index, "label": named.label, "id": named.id}


def _target(target: Target) -> dict[str, Any]:
    """Return the fields of a target; `against` is there only where it is explained against another class."""
    return _class(target) if target.against is None else {**_class(target), "against": _class(target.against)}


def _seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return timings rounded to microseconds."""
    return {name: round(float(value), 6) for name, value in seconds.items()}
