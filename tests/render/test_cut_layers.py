"""Cut layers: every patch of the view has the tint of its layer, on the photograph in grey."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitexplain.images import View
from vitexplain.render import draw_cut_layers
from vitexplain.render.cut_layers import SOURCE, TINT
from vitexplain.render.heatmap import palette

PLASMA = palette("plasma").astype(float)


def drawn(grid: list[list[int]], layers: tuple[int, int], *, lightness: int = 0) -> tuple[Any, Image.Image]:
    """Return the middle of each patch, for a picture with a border of 40 pixels at the left and the right."""
    cells = np.array(grid)
    rows, cols = cells.shape
    width, height = cols * 60, rows * 60
    picture = Image.new("RGB", (width + 80, height), (lightness,) * 3)
    view = View("crop", (40, 0, 40 + width, height), (56, 56))
    image = draw_cut_layers(picture, cells, view, layers, full_size=True)
    return np.asarray(image)[30:height:60, 70 : 40 + width : 60].astype(float), image


def test_every_patch_has_the_tint_of_its_layer() -> None:
    black, image = drawn([[1, 12, 12], [0, 1, 6]], (1, 12))
    white, _ = drawn([[1, 12, 12], [0, 1, 6]], (1, 12), lightness=255)
    for found in (black, white):
        assert (found[0, 1] == found[0, 2]).all() and (found[0, 0] == found[1, 1]).all()
        shades = found - TINT * np.array([[PLASMA[i] for i in (0, 255, 255)], [[0] * 3, PLASMA[0], PLASMA[116]]])
        grey = shades[np.array([[True] * 3, [False, True, True]])]
        assert np.ptp(grey) <= 2, "beneath all tints lies the same grey of the photograph"
        assert np.ptp(found[1, 0]) == 0, "nothing flows to this patch: it has no colour"
    assert (white > black + 40).all(), "the photograph is seen through every tint"
    border = np.asarray(image)[:, :40]
    assert not border.any(), "outside the view nothing is tinted"
    assert image.width > 40 + 180 + 40, "a legend at the right"


def test_one_layer_alone_is_drawn() -> None:
    found, _ = drawn([[7, 7], [7, 7]], (7, 7))
    assert np.ptp(found.reshape(-1, 3), axis=0).max() == 0


def test_a_cut_at_a_virtual_source_has_a_colour_of_its_own() -> None:
    found, _ = drawn([[13, 1, 12]], (1, 12))
    base = found[0, 1] - TINT * PLASMA[0]
    assert found[0, 0] == pytest.approx(base + TINT * np.array(SOURCE), abs=2)
    assert abs(found[0, 0] - found[0, 1:]).sum(axis=-1).min() > 100


def test_a_small_picture_is_enlarged_as_an_overlay_is() -> None:
    picture = Image.new("RGB", (64, 48))
    image = draw_cut_layers(picture, np.full((4, 4), 3), View("whole", (0, 0, 64, 48), (56, 56)), (1, 12))
    assert image.height == 480 and image.width > 640
