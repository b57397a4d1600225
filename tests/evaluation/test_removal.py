"""The order in which patches are removed (no model; milliseconds)."""

from __future__ import annotations

import numpy as np

from vitexplain.evaluation.removal import ranked


def test_ties_are_drawn_for_each_image() -> None:
    tied = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    orders = {tuple(ranked(tied, 0, str(image))) for image in range(20)}
    assert len(orders) > 10
    assert {order[0] for order in orders} == {7} and {order[-1] for order in orders} == {0}
    assert list(ranked(tied, 0, "0")) == [7, 6, 4, 1, 3, 2, 5, 0]
