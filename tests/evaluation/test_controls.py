"""Controls: the Gaussian against its formula, and which images are paired (no model; milliseconds)."""

from __future__ import annotations

import math

import pytest

from tests.evaluation.pairs import other_images
from vitexplain.evaluation.controls import Circles, centre


def test_the_centre_is_a_gaussian_of_half_the_sides() -> None:
    found = centre(4, 6).reshape(4, 6)
    for row in range(4):
        for col in range(6):
            expected = math.exp(-((row - 1.5) ** 2) / (2 * 2**2) - (col - 2.5) ** 2 / (2 * 3**2))
            assert found[row, col] == pytest.approx(expected, rel=1e-9)
    assert found[1, 2] == found[2, 3] == found[1, 3] == found.max()


def test_everyone_has_another_of_the_same_grid() -> None:
    grids = {f"a{number}": (4, 4) for number in range(7)} | {f"b{number}": (2, 8) for number in range(2)}
    pairs = other_images({**grids, "alone": (3, 3)}, seed=0)
    assert set(pairs) == set(grids)
    assert sorted(pairs.values()) == sorted(grids)
    assert all(image != other and grids[image] == grids[other] for image, other in pairs.items())


def test_pairs_depend_on_the_seed_and_not_on_the_order() -> None:
    grids = {f"a{number}": (4, 4) for number in range(7)}
    backwards = dict(reversed(grids.items()))
    assert other_images(grids, 0) == other_images(backwards, 0)
    assert other_images(grids, 0) != other_images(grids, 1)


def test_an_others_name_is_known_when_the_next_of_its_grid_comes() -> None:
    circles = Circles()
    added = [circles.add(image, grid) for image, grid in [("a", (4, 4)), ("b", (2, 8)), ("c", (4, 4)), ("d", (4, 4))]]
    assert added == [None, None, "a", "c"]
    assert circles.ends() == {"d": "a"}
