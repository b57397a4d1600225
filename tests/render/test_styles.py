"""The styles of an overlay: all colour is a score, nothing is grey, and every style leaves scores and places alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitexplain.errors import UsageError
from vitexplain.images import View
from vitexplain.render import STYLES, Drawing, draw_overlay
from vitexplain.render.heat import DIMMED, bar

SIDE = 96
VIEW = View("squash", (0, 0, SIDE, SIDE), (56, 56))
WHOLE = Drawing(full_size=True)


def photograph(size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Return a picture of many colours."""
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def drawn(scores: np.ndarray, drawing: Drawing, picture: Image.Image | None = None) -> np.ndarray:
    return np.asarray(draw_overlay(picture or photograph(), scores, VIEW, drawing)).astype(int)


def luma(picture: Image.Image) -> np.ndarray:
    """Return the weighted sum of ITU-R BT.601, which television sets show as grey."""
    return np.asarray(picture, np.float64) @ (0.299, 0.587, 0.114)


def test_a_patch_of_score_0_shows_the_grey_of_the_photograph_and_no_colour() -> None:
    scores = np.zeros((4, 4))
    scores[1, 2] = 1
    canvas = drawn(scores, Drawing(full_size=True, interpolation="nearest"))
    hot = np.zeros((SIDE, SIDE), bool)
    hot[24:48, 48:72] = True
    assert np.ptp(canvas[~hot], axis=-1).max() == 0
    assert np.abs(canvas[~hot][:, 0] - DIMMED * luma(photograph())[~hot]).max() <= 1.01
    assert (np.ptp(canvas[hot], axis=-1) > 40).all()


def test_the_higher_the_score_the_more_opaque_and_the_lighter_its_colour() -> None:
    scores = np.linspace(0, 1, 8)[None]
    black, white = (
        drawn(scores, Drawing(full_size=True, interpolation="nearest"), Image.new("RGB", (SIDE, SIDE), (value,) * 3))
        for value in (0, 255)
    )
    places = np.arange(8) * 12 + 6
    seen_through = (white - black)[40, places].sum(axis=-1)
    assert (np.diff(seen_through) < 0).all() and seen_through[0] > 3 * 210 and seen_through[-1] < 3 * 30
    assert (np.diff(black[40, places].sum(axis=-1)) > 0).all()


def test_for_is_warm_against_is_cold_and_the_same_distance_is_as_strong() -> None:
    scores = np.array([[-1.0, -0.5, 0, 0.5, 1.0, 2.0]])
    drawing = Drawing(full_size=True, interpolation="nearest", signed=True, scale=(-2.0, 2.0))
    black, white = (drawn(scores, drawing, Image.new("RGB", (SIDE, SIDE), (value,) * 3)) for value in (0, 255))
    places = np.arange(6) * 16 + 8
    red, blue = black[40, places, 0], black[40, places, 2]
    assert (red[3:] > blue[3:]).all() and (blue[:2] > red[:2]).all() and red[2] == blue[2] == 0
    through = (white - black)[40, places, 1]
    assert abs(through[0] - through[4]) <= 2 and abs(through[1] - through[3]) <= 2


@pytest.mark.parametrize("value", [0.0, 1 / 257, -3.0, 1e30])
@pytest.mark.parametrize("style", ["grey", "patches", "contour"])
def test_equal_scores_have_no_colour(value: float, style: str) -> None:
    noise = 1 + 1e-7 * np.random.default_rng(0).standard_normal((4, 4))
    canvas = drawn(value * noise, Drawing(full_size=True, style=style), Image.new("RGB", (SIDE, SIDE), (90, 90, 90)))
    assert np.ptp(canvas, axis=-1).max() == 0


@pytest.mark.parametrize("style", STYLES)
def test_scores_are_left_alone_and_the_picture_too(style: str) -> None:
    scores, picture = np.random.default_rng(0).normal(size=(4, 6)), photograph()
    kept, pixels = scores.copy(), np.asarray(picture).copy()
    draw_overlay(picture, scores, VIEW, Drawing(style=style, grid=True, signed=True, scale=(-1.0, 1.0)))
    assert (scores == kept).all() and (np.asarray(picture) == pixels).all()


@pytest.mark.parametrize("style", STYLES)
def test_outside_the_view_every_style_shows_the_same_dark_grey(style: str) -> None:
    picture, scores = photograph((160, SIDE)), np.random.default_rng(0).random((4, 4))
    view = View("crop", (32, 0, 32 + SIDE, SIDE), (56, 56))
    canvas = np.asarray(draw_overlay(picture, scores, view, Drawing(style=style, full_size=True))).astype(int)
    outside = np.concatenate([canvas[:, :32], canvas[:, 32 + SIDE :]], axis=1)
    grey = luma(picture)[:, np.r_[:32, 32 + SIDE : 160]]
    assert np.ptp(outside, axis=-1).max() == 0 and np.abs(outside[..., 0] - 0.6 * grey).max() <= 1.01


def test_patches_are_flat_squares_with_lines_between_them() -> None:
    scores = np.random.default_rng(0).random((4, 4))
    grey = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    canvas = drawn(scores, Drawing(style="patches", full_size=True), grey)
    for row in range(4):
        for col in range(4):
            square = canvas[24 * row + 1 : 24 * (row + 1), 24 * col + 1 : 24 * (col + 1)]
            assert (square == square[0, 0]).all()
    plain = drawn(scores, Drawing(full_size=True, interpolation="nearest"), grey)
    differs = (canvas != plain).any(-1)
    assert set(np.flatnonzero(differs.all(axis=1))) == set(np.flatnonzero(differs.all(axis=0))) == {24, 48, 72}
    assert (drawn(scores, Drawing(full_size=True, interpolation="nearest", grid=True), grey) == canvas).all()


def test_top_shows_the_highest_scores_in_colour_and_nothing_else() -> None:
    scores = np.arange(16.0).reshape(4, 4)
    canvas, pixels = drawn(scores, Drawing(style="top:25%", full_size=True)), np.asarray(photograph()).astype(int)
    chosen = np.zeros((SIDE, SIDE), bool)
    chosen[72:] = True
    assert (canvas[74:-2, 2:-2] == pixels[74:-2, 2:-2]).all()
    outside = canvas[:70]
    assert np.ptp(outside, axis=-1).max() == 0 and (outside[..., 0] <= 0.45 * luma(photograph())[:70] + 1.01).all()
    one = drawn(np.zeros((4, 4)), Drawing(style="top:1%", full_size=True))
    assert (one[2:22, 2:22] == pixels[2:22, 2:22]).all(), "at least one patch, of equal ones the first"


def test_contours_run_where_the_scores_cross_their_levels() -> None:
    scores = np.repeat(np.linspace(0, 1, 9)[None], 3, axis=0)
    canvas = drawn(scores, Drawing(style="contour", full_size=True), Image.new("RGB", (SIDE, SIDE), (255, 255, 255)))
    lines = np.flatnonzero((canvas[40] != 255).any(-1))
    groups = np.split(lines, np.flatnonzero(np.diff(lines) > 1) + 1)
    # A quarter of the way from the first patch's centre to the last's, a half, three quarters.
    expected = 96 / 9 / 2 + np.array([0.25, 0.5, 0.75]) * (96 - 96 / 9)
    assert len(groups) == 3
    assert np.abs([group.mean() for group in groups] - expected).max() <= 2


def test_the_bar_has_the_colours_of_the_picture() -> None:
    drawing = Drawing(full_size=True, interpolation="nearest", signed=True, scale=(-1.0, 1.0))
    colours = bar(drawing).astype(int)
    canvas = drawn(np.array([[-1.0, -0.5, 0, 1.0]]), drawing, Image.new("RGB", (SIDE, SIDE), (128, 128, 128)))
    assert np.array_equal(canvas[40, [12, 36, 60, 84]], colours[[0, 64, 128, 255]])
    assert np.ptp(colours[128]) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"style": "neon"}, r"style 'neon' is not valid: expected grey, blend, contour, patches or top:10%"),
        ({"style": "top:0%"}, "is not valid"),
        ({"style": "top:101%"}, "is not valid"),
        ({"interpolation": "lanczos"}, "expected cubic or nearest"),
        ({"percentile": 0.0}, "above 0"),
        ({"percentile": 100.5}, "above 0"),
        ({"percentile": 99.0, "scale": (0.0, 1.0)}, "cannot be combined"),
        ({"style": "top:5%", "colorbar": True}, "has no colours"),
    ],
)
def test_what_a_drawing_cannot_be_is_said(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Drawing(**given)  # type: ignore[arg-type]
