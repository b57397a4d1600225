"""Deletion and insertion against literal versions on a tiny network (a second)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.literal_removal import literal_logit, literal_probability, pass_of_a_picture, scores
from vitexplain.evaluation.metrics.deletion_insertion import area, removal_curves
from vitexplain.evaluation.removal import Removals, ranked


def test_curves(tmp_path: Path) -> None:
    forward_pass = pass_of_a_picture(tmp_path)
    order = ranked(scores(), 0, "image")
    found = removal_curves(Removals(forward_pass, "mean"), order, order, steps=5)
    best = sorted(range(16), key=lambda patch: -scores()[patch])
    assert list(order) == best
    for step, count in enumerate((0, 3, 6, 10, 13, 16)):
        for curve, removed in enumerate((best[:count], best[count:])):
            assert found[0, curve, step] == pytest.approx(literal_probability(forward_pass, removed), abs=1e-6)
            assert found[1, curve, step] == pytest.approx(literal_logit(forward_pass, removed), abs=1e-5)


def test_area_is_the_trapezoidal_rule() -> None:
    curve = np.array([1.0, 0.5, 0.25, 0.0])
    assert area(curve) == pytest.approx(np.trapezoid(curve, dx=1 / 3))
