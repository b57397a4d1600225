"""Evaluation: what the judge found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vitexplain.evaluation.question import Question
from vitexplain.evaluation.rows import Row
from vitexplain.result import Failure


@dataclass(frozen=True)
class Evaluation:
    """What the judge found.

    `images` maps the SHA-256 of those that count to their paths; `repeated` were given more than once, `without_object`
    are unknown to the question's objects, which know the files `elsewhere` that were not given, and name
    `unknown_classes` that the model does not have. `curves` holds the mean curves over the images, by what they show
    and then by candidate.
    """

    question: Question
    model: str
    rows: tuple[Row, ...]
    images: Mapping[str, str]
    failures: tuple[Failure, ...] = ()
    repeated: int = 0
    without_object: int = 0
    elsewhere: tuple[str, ...] = ()
    unknown_classes: tuple[str, ...] = ()
    curves: Mapping[str, Mapping[str, npt.NDArray[np.float64]]] = field(default_factory=dict)

    def records(self) -> list[dict[str, Any]]:
        """Return the JSON of every row."""
        return [row.to_record(self.question, self.model) for row in self.rows]
