"""Stability: how much do the scores change under noise and shifts that the eye hardly sees?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.correlation import spearman
from vitexplain.evaluation.measuring import last_scores, made_for
from vitexplain.evaluation.metrics.metric import Metric
from vitexplain.evaluation.table import Group, Table, means_only
from vitexplain.methods import Method, canonical_spec
from vitexplain.result import require_finite

if TYPE_CHECKING:
    from vitexplain.evaluation.question import Question
    from vitexplain.evaluation.study import Study

NOISE, DRAWS, SHIFT = 0.05, 4, 2
"""Standard deviation of the noise, in units of the model's standardised pixels (about 3 of 255 levels); how many times
it is drawn; and pixels of a shift."""

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Down and right, in each of which the view is shifted."""


class Stability(Metric):
    """Scores under four draws of noise and four shifts, the class explained staying the same.

    `stability`: rank correlation with the scores of the image as it is, mean. `stability_change`: the largest relative
    change, the norm of the difference over that of the scores (Yeh et al. 2019, max-sensitivity, by samples).
    """

    names = ("stability",)
    rows = ("stability", "stability_change")
    has_best = False

    def measure(self, study: Study) -> Mapping[str, npt.NDArray[Any]]:
        """Return the scores (K, P) of every method under each of the changes."""
        names = {method: _name(study.question, method) for method in study.question.methods}
        lacking = [method for method, name in names.items() if name not in study.arrays]
        if not lacking:
            return {}
        variants = shaken(study.pixels, study.question.seed, study.image)
        passed = made_for(lacking, study.run.model, variants, study.image)
        forward_pass = study.asked_of(passed)
        found = {}
        for method in lacking:
            values = method(forward_pass).values
            require_finite(canonical_spec(method), values)
            found[names[method]] = np.asarray(values)
        return found

    def values(self, study: Study) -> Iterator[tuple[Cell, float]]:
        """Yield both numbers of every method; NaN where scores are constant, or 0."""
        layers = study.facts.layers
        for method in study.question.methods:
            scores = last_scores(study.arrays, method, layers)
            changed = study.arrays[_name(study.question, method)]
            rank = float(spearman(changed, scores[None]).mean())
            for row, value in (("stability", rank), ("stability_change", largest_change(scores, changed))):
                yield Cell(row, None, canonical_spec(method), layers), value

    def tables(self, group: Group) -> list[Table]:
        """Return the means of both."""
        if group.metric != self.rows[0]:
            return []
        what = f"Stability, rank correlation under noise and shifts of {SHIFT} pixels (1: unchanged)"
        change = ("largest change", group.means_of(self.rows[1]))
        return [means_only(f"{what}: {group.heading}", group, (change,))]


def _name(question: Question, method: Method) -> str:
    return f"shaken {question.seed} {canonical_spec(method)}"


def shaken(pixels: Tensor, seed: int, image: str) -> Tensor:
    """Return (K, 3, H, W): pixels (1, 3, H, W) under noise, then shifted by two pixels, edges repeated."""
    drawn = hashlib.sha256(f"{seed}:noise:{image}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(drawn[:8], "big") >> 1)
    noise = torch.randn((DRAWS, *pixels.shape[1:]), generator=generator) * NOISE
    height, width = pixels.shape[-2:]
    rows, cols = torch.arange(height), torch.arange(width)
    shifted = [
        pixels[:, :, (rows - SHIFT * down).clamp(0, height - 1)][..., (cols - SHIFT * right).clamp(0, width - 1)]
        for down, right in DIRECTIONS
    ]
    return torch.cat((pixels + noise.to(pixels), *shifted))


def largest_change(scores: npt.NDArray[Any], changed: npt.NDArray[Any]) -> float:
    """Return the largest norm of the difference of changed (K, P) from scores (P,), over theirs; NaN if they are 0."""
    length = np.linalg.norm(scores.astype(np.float64))
    return float(np.linalg.norm(changed.astype(np.float64) - scores, axis=1).max() / length) if length else float("nan")
