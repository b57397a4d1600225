"""What a drawing may be, and the words where it may not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vitexplain.errors import UsageError
from vitexplain.render import COLORMAPS, Drawing
from vitexplain.render.heatmap import palette


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan, math.inf])
def test_alpha_is_a_share(alpha: float) -> None:
    with pytest.raises(UsageError, match="give a share from 0"):
        Drawing(alpha=alpha)


def test_an_unknown_colormap_is_answered_with_the_choices() -> None:
    with pytest.raises(UsageError, match=r"no colormap 'rainbow': choose one of inferno, .*turbo"):
        Drawing(colormap="rainbow")


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_a_scale_goes_up(scale: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="LOW < HIGH"):
        Drawing(scale=scale)


@pytest.mark.parametrize("name", COLORMAPS)
def test_every_colormap_exists(name: str) -> None:
    assert palette(name).shape == (256, 3) and palette(name).dtype == np.uint8


@pytest.mark.parametrize("name", ["inferno", "magma", "viridis", "cividis"])
def test_the_maps_for_every_eye_grow_lighter_all_the_way(name: str) -> None:
    light = palette(name) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light[::8]) > 0).all()
