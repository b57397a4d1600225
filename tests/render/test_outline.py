"""The outline: a closed contour just inside and around the patches, for any view."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitexplain.images import View
from vitexplain.render import Drawing, draw_overlay

GREY = (128, 128, 128)


def changed(size: tuple[int, int], view: View, patches: np.ndarray, drawing: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels the outline made white, and which black."""
    scores = np.zeros(patches.shape)
    picture = Image.new("RGB", size, GREY)
    plain = np.asarray(draw_overlay(picture, scores, view, drawing))
    drawn = np.asarray(draw_overlay(picture, scores, view, drawing, patches))
    differs = (plain != drawn).any(-1)
    white, black = (drawn == 255).all(-1), (drawn == 0).all(-1)
    assert not (differs & ~white & ~black).any()
    return white & differs, black & differs


@pytest.mark.parametrize("side", [98, 500, 1600])
def test_a_ring_around_a_patch(side: int) -> None:
    patches = np.zeros((4, 4), bool)
    patches[1, 2] = True
    white, black = changed((side, side), View("crop", (0, 0, side, side), (56, 56)), patches, Drawing(full_size=True))
    thick = max(1, round(side / 500))
    top, bottom = -(-side // 4), side // 2
    left, right = side // 2, 3 * side // 4
    rows, cols = np.nonzero(white)
    assert abs(rows.min() - top) <= 1 and abs(rows.max() + 1 - bottom) <= 1
    assert abs(cols.min() - left) <= 1 and abs(cols.max() + 1 - right) <= 1
    height, width = rows.max() - rows.min() + 1, cols.max() - cols.min() + 1
    assert white.sum() == height * width - (height - 2 * thick) * (width - 2 * thick)
    assert black.sum() == (height + 2 * thick) * (width + 2 * thick) - height * width


def test_neighbours_share_one_contour_and_it_closes_at_the_edge_of_the_view() -> None:
    patches = np.zeros((4, 4), bool)
    patches[0, :2] = True
    white, _ = changed((80, 60), View("crop", (10, 0, 70, 60), (56, 56)), patches, Drawing(full_size=True))
    rows, cols = np.nonzero(white)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (0, 14, 10, 39)
    assert white.sum() == 15 * 30 - 13 * 28


def test_a_view_beyond_the_picture_and_no_patches() -> None:
    view = View("crop", (-10, -10, 70, 70), (56, 56))
    everything, nothing = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    white, black = changed((60, 60), view, everything, Drawing(full_size=True))
    assert white.sum() == 60 * 60 - 58 * 58 and not black.any()
    white, black = changed((60, 60), view, nothing, Drawing(full_size=True))
    assert not white.any() and not black.any()
