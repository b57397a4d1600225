"""The panel of cut layers: flat squares in the order of the grid, one colour a layer."""

from __future__ import annotations

import numpy as np

from vitexplain.render import draw_cut_layers
from vitexplain.render.cut_layers import GREY
from vitexplain.render.heatmap import palette


def test_every_patch_has_the_colour_of_its_layer() -> None:
    grid = np.array([[1, 12, 12], [0, 1, 6]])
    panel = np.asarray(draw_cut_layers(grid, (1, 12), cell=20))
    middle = panel[10:40:20, 10:60:20]
    assert (middle[0, 0] == palette("viridis")[0]).all()
    assert (middle[0, 1] == palette("viridis")[255]).all() and (middle[0, 2] == middle[0, 1]).all()
    assert tuple(middle[1, 0]) == GREY
    assert (middle[1, 1] == middle[0, 0]).all() and (middle[1, 2] == palette("viridis")[round(255 * 5 / 11)]).all()
    assert panel.shape[1] > 60, "a legend at the right"


def test_one_layer_alone_is_drawn() -> None:
    panel = draw_cut_layers(np.full((2, 2), 7), (7, 7))
    assert panel.height >= 48


def test_a_cut_at_a_virtual_source_has_a_colour_of_its_own() -> None:
    pixels = np.asarray(draw_cut_layers(np.array([[13, 1]]), (1, 12)))
    assert tuple(pixels[12, 12]) == (214, 39, 40)
    assert tuple(pixels[12, 36]) != (214, 39, 40)
