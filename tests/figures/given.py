"""Results for figures: given scores on a small picture, no model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests import given_result
from vitexplain.images import View
from vitexplain.result import Explanation, Result


def explanations(count: int, **changes: Any) -> list[Explanation]:
    """Return explanations with random scores under specs of different lengths."""
    rng = np.random.default_rng(0)
    specs = ("raw", "flow", "rollout:discard=0.97,layers=7:12,residual=0.3,source=patch:3,4")
    made = []
    for number in range(count):
        given = given_result.explanation(specs[number % 3])
        known = {**given.statistics, "entropy": 3.2}
        made.append(replace(given, scores=rng.random((4, 4)), statistics=known, **changes))
    return made


def result(count: int = 3, *, path: str = "photos/cat.jpg", width: int = 64, height: int = 48) -> Result:
    """Return a result with `count` explanations; the view is the whole of a panorama, else the middle square."""
    picture = given_result.picture(path, width, height)
    made = given_result.result(picture, explanations(count))
    if max(width, height) >= 4 * min(width, height):
        return replace(made, view=View("whole", (0.0, 0.0, float(width), float(height)), (height, width)))
    return made
