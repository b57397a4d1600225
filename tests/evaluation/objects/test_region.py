"""Regions against counting, pixel by pixel and at random points (no model; milliseconds)."""

from __future__ import annotations

import numpy as np
import pytest

from vitexplain.evaluation.objects import Region

BOXES = [(2.0, 1.0, 9.0, 6.0), (5.0, 4.0, 12.5, 10.0)]
VIEW = (1.0, -2.0, 13.0, 10.0)


def is_inside(x: float, y: float) -> bool:
    return any(left <= x < right and top <= y < bottom for left, top, right, bottom in BOXES)


def literal_coverage(rows: int, cols: int, fine: int = 120) -> np.ndarray:
    """Count the points of a fine raster that lie in a box, patch by patch."""
    left, top, right, bottom = VIEW
    found = np.zeros((rows, cols))
    for row in range(rows):
        for col in range(cols):
            for part in range(fine):
                y = top + (row + (part + 0.5) / fine) * (bottom - top) / rows
                xs = left + (col + (np.arange(fine) + 0.5) / fine) * (right - left) / cols
                found[row, col] += sum(is_inside(x, y) for x in xs)
    return found.ravel() / fine**2


def test_two_boxes_that_overlap_count_once() -> None:
    region = Region.of_rectangles(BOXES)
    np.testing.assert_allclose(region.coverage(VIEW, 2, 3), literal_coverage(2, 3), atol=1e-9)
    area = region.coverage(VIEW, 2, 3).sum() * 6 * 4
    assert area == pytest.approx(7 * 5 + 7.5 * 6 - 4 * 2)


def test_a_mask_is_the_boxes_of_its_pixels() -> None:
    mask = np.random.default_rng(0).random((9, 14)) < 0.4
    boxes = [(col, row, col + 1, row + 1) for row, col in zip(*np.nonzero(mask), strict=True)]
    by_mask, by_boxes = Region.of_mask(mask), Region.of_rectangles(boxes)
    view = (-1.5, 0.3, 12.2, 11.0)
    np.testing.assert_allclose(by_mask.coverage(view, 3, 5), by_boxes.coverage(view, 3, 5), atol=1e-12)
    for x, y in ((0.5, 0.5), (13.9, 8.9), (14, 9), (-0.1, 3), (7, 4)):
        assert by_mask.covers(x, y) == (0 <= x < 14 and 0 <= y < 9 and bool(mask[int(y), int(x)]))


def test_points_on_and_beside_boxes() -> None:
    region = Region.of_rectangles(BOXES)
    for x, y in ((2, 1), (9, 6), (8.9, 5.9), (10, 3), (12.5, 9), (12.4, 9.9), (0, 0)):
        assert region.covers(x, y) == is_inside(x, y)


def test_a_view_without_the_object_and_one_full_of_it() -> None:
    region = Region.of_rectangles([(2, 2, 6, 6)])
    assert not region.coverage((6, 6, 10, 10), 2, 2).any()
    assert (region.coverage((3, 3, 5, 5), 2, 2) == 1).all()
