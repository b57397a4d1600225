"""Explanation: what one method found; the classes that it and a prediction name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vitexplain.errors import ModelError
from vitexplain.result.check import Check
from vitexplain.result.fields import Fields
from vitexplain.result.json_values import plain, plain_number

_SIMILARITY = "similarity"

STRETCHED = "the colour scale is stretched"
"""How the notice begins that holds only with the usual colour scale."""

PERCENTILE = 99.5
"""Where the colour scale ends unless another end is asked for: one patch of 256 may lie beyond it."""


@dataclass(frozen=True)
class Prediction:
    """One class the model predicts: its index, label and WordNet id (None where unknown).

    `logit`: what the model returned for it. `probability`: what `activation` makes of that, in [0, 1] for softmax and
    sigmoid; with none it is the value itself.
    """

    index: int
    label: str | None
    id: str | None
    probability: float
    logit: float
    activation: str = "softmax"

    @property
    def is_value(self) -> bool:
        """Whether the model returns values, no logits of probabilities."""
        return self.activation == "none"

    @property
    def shown(self) -> str:
        """The probability as a percentage, or the value with four digits."""
        return f"{self.logit:.4g}" if self.is_value else f"{self.probability:.1%}"


@dataclass(frozen=True)
class Target:
    """The class that a class-specific method explains; `against`: the class whose logit is subtracted, if any.

    `lowers`: what lowers the class is explained, not what raises it.
    """

    index: int
    label: str | None
    id: str | None
    against: Target | None = None
    lowers: bool = False

    @property
    def part(self) -> str:
        """What tells the files of this target from those of others."""
        ending = "" if self.against is None else f"-against{self.against.index}"
        return f"-{'not-' * self.lowers}class{self.index}{ending}"


@dataclass(frozen=True)
class Similarity:
    """Likeness to a reference picture, in place of a class: the cosine similarity `value` of the two embeddings.

    `path` and `sha256` name the reference.
    """

    path: str | None
    sha256: str
    value: float

    @property
    def part(self) -> str:
        """What tells the files of this reference from those of others."""
        return f"-like-{self.sha256[:8]}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method found: scores (rows, cols) in the method's own unit, never rescaled.

    `layers` counts from 1, both ends included; `options` holds all options, `spec` only those that differ from the
    defaults. `cut_layers` names for every patch the layers that its minimum cut passes, the one that carries most of
    the cut first; one more than the last layer stands for the edges of a virtual source. `signed`: a score's
    sign says whether the patch spoke for or against the target. `check`: what the model answers without the patches of
    highest score, and with them alone, if that was asked for. `scale` and `files` (kind -> path relative to the
    record) are those of a record that was read. ModelError for scores that are not finite.
    """

    method: str
    spec: str
    options: Mapping[str, object]
    scores: np.ndarray[Any, np.dtype[Any]]
    unit: str
    layers: tuple[int, int]
    source: str | None = None
    target: Target | Similarity | None = None
    statistics: Mapping[str, float | int | None] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    cut_layers: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    signed: bool = False
    check: Check | None = None
    scale: tuple[float, float] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_finite(self.spec, self.scores)

    @property
    def display(self) -> tuple[float, float]:
        """The ends of the colour scale unless another is asked for: those at PERCENTILE."""
        return self.display_at(PERCENTILE)

    def display_at(self, percentile: float) -> tuple[float, float]:
        """Return the smallest score and this percentile of the scores, 100 for the largest.

        For signed scores that percentile of their absolute values, on both sides, so that 0 is in the middle.
        """
        return display_ends(self.scores, self.signed, percentile)

    def notices_at(self, scale: tuple[float, float] | None) -> tuple[str, ...]:
        """Return the notices that hold with the colour scale that was asked for; None for the usual one."""
        return tuple(notice for notice in self.notices if scale is None or not notice.startswith(STRETCHED))

    def to_record(
        self, files: Mapping[str, str] | None = None, display: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """Return the entry of `explanations`; `files` maps overlay, heatmap, npy, cut_layers to relative paths.

        `display` is the colour scale if one was given. Both are by default those of the record that this was read from.
        """
        low, high = display or self.scale or self.display
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
        if self.check is not None:
            record["check"] = self.check.to_record(_target(self.check.target))
        record["notices"] = list(self.notices_at(display))
        record["display"] = {"low": low, "high": high}
        record["files"] = dict(self.files if files is None else files)
        return record

    @classmethod
    def from_record(cls, record: Fields) -> Explanation:
        """Return what `to_record` wrote; InputError for fields that are missing or of another type.

        A record does not say which scores are signed: taken as such are those below 0 or drawn with 0 in the middle.
        """
        scores = _read_scores(record)
        display = record.inside("display")
        low, high = display.number("low"), display.number("high")
        return cls(
            method=record.text("method"),
            spec=record.text("spec"),
            options={name: _tuples(value) for name, value in record.mapping("options").items()},
            scores=scores,
            unit=record.text("unit"),
            layers=record.numbers("layers", 2),
            source=record.text_or_none("source"),
            target=None if record.is_null("target") else _read_target(record.inside("target")),
            statistics=dict(record.mapping("statistics")),
            notices=record.texts("notices"),
            cut_layers=_tuples(record.items("cut_layers", len(scores))) if "cut_layers" in record else None,
            signed=bool((scores < 0).any()) or low == -high < 0,
            check=_read_check(record.inside("check"), scores.shape) if "check" in record else None,
            scale=(low, high),
            files={kind: str(path) for kind, path in record.mapping("files").items()},
        )


def display_ends(
    scores: np.ndarray[Any, np.dtype[Any]], signed: bool, percentile: float = PERCENTILE
) -> tuple[float, float]:
    """Return the ends of the colour scale: see `Explanation.display_at`.

    A percentile that leaves nothing but the smallest score gives way to the largest: one patch alone is still seen.
    """
    values = np.abs(scores) if signed else scores
    low, high = plain_number(values.min()), plain_number(values.max())
    reached = plain_number(np.quantile(values, percentile / 100, method="higher"))
    if reached > low:
        high = reached
    return (-high, high) if signed else (low, high)


def require_finite(spec: str, scores: np.ndarray[Any, np.dtype[Any]]) -> None:
    """Raise ModelError if scores of the method `spec` are not finite."""
    if not np.isfinite(scores).all():
        raise ModelError(
            f"{spec} gave scores that are not finite numbers: the model's attention overflowed or its weights hold "
            "NaN; try `dtype=float32`, or other weights"
        )


def class_fields(named: Prediction | Target) -> dict[str, Any]:
    """Return the three fields that name a class."""
    return {"index": named.index, "label": named.label, "id": named.id}


def read_class(record: Fields) -> tuple[int, str | None, str | None]:
    """Return index, label and id of a class from its three fields."""
    return record.whole("index"), record.text_or_none("label"), record.text_or_none("id")


def _read_target(record: Fields) -> Target | Similarity:
    if "kind" in record:
        kind = record.one_of("kind", (_SIMILARITY,))
        assert kind == _SIMILARITY
        reference = record.inside("reference")
        return Similarity(reference.text_or_none("path"), reference.text("sha256"), record.number("similarity"))
    against = Target(*read_class(record.inside("against"))) if "against" in record else None
    return Target(*read_class(record), against, "lowers" in record)


def _read_check(record: Fields, shape: tuple[int, ...]) -> Check:
    return Check.from_record(record, _read_target(record.inside("target")), shape)


def _read_scores(record: Fields) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the scores as float32 where they were written from that, as float64 otherwise."""
    rows = record.items("scores")
    try:
        wide = np.array(rows, np.float64)
    except (TypeError, ValueError):
        wide = np.empty(0)
    if wide.ndim != 2 or not wide.size:
        raise record.wrong("scores", "is not a table of numbers")
    narrow = wide.astype(np.float32)
    same = all(plain_number(short) == long for short, long in zip(narrow.flat, wide.flat, strict=True))
    return narrow if same else wide


def _tuples(value: Any) -> Any:
    """Return lists as tuples, at every depth: as they were before they became JSON."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _target(target: Target | Similarity) -> dict[str, Any]:
    """Return the fields of a target; `against` and `lowers` are there only where they say something."""
    if isinstance(target, Similarity):
        reference = {"path": target.path, "sha256": target.sha256}
        return {"kind": _SIMILARITY, "reference": reference, "similarity": plain(target.value)}
    fields = class_fields(target)
    if target.against is not None:
        fields["against"] = class_fields(target.against)
    if target.lowers:
        fields["lowers"] = True
    return fields
