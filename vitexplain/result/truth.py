"""Truth: the label that came with a picture, and which class of the model it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vitexplain.result.fields import Fields

Verdict = Literal["right", "wrong", "no class"]
"""Whether the first prediction is the truth; "no class": the label is none of the model's classes."""


@dataclass(frozen=True)
class Truth:
    """A picture's label as its source gave it, and the class it names: None where it names none, or several.

    `label` and `id` are the class's, as in a prediction.
    """

    given: str
    index: int | None = None
    label: str | None = None
    id: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the record's field `truth`."""
        return {"given": self.given, "index": self.index, "label": self.label, "id": self.id}

    @classmethod
    def from_record(cls, record: Fields) -> Truth:
        """Return what `to_record` wrote; InputError: something else."""
        index = None if record.is_null("index") else record.whole("index")
        return cls(record.text("given"), index, record.text_or_none("label"), record.text_or_none("id"))


def verdict_in(record: Mapping[str, Any]) -> Verdict | None:
    """Return whether a record's first prediction is its truth; None: it has no truth, or no prediction."""
    try:
        truth, predictions = record.get("truth"), record.get("predictions")
        if not truth or not predictions:
            return None
        if truth["index"] is None:
            return "no class"
        return "right" if predictions[0]["index"] == truth["index"] else "wrong"
    except (AttributeError, KeyError, TypeError, IndexError):  # damaged
        return None
