"""The overlay lies exactly where the model looked: found again by looking for the colour in the drawn picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitexplain.images import View
from vitexplain.render import LONG_SIDE, Drawing, draw_overlay
from vitexplain.render.heatmap import colours

GREY = (128, 128, 128)


def brightest_box(image: Image.Image, least: float) -> tuple[int, int, int, int]:
    """Return (x0, y0, x1, y1) of the pixels whose yellow is above a share of the most yellow one."""
    pixels = np.asarray(image).astype(int)
    yellow = pixels[..., 0] + pixels[..., 1]
    rows, cols = np.nonzero(yellow >= yellow.min() + least * (yellow.max() - yellow.min()))
    return int(cols.min()), int(rows.min()), int(cols.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("size", "box", "grid", "patch"),
    [
        ((640, 480), (80, 0, 560, 480), (16, 16), (5, 11)),
        ((480, 640), (0, 80, 480, 560), (14, 14), (0, 0)),
        ((640, 427), (106.5, 0, 533.5, 427), (16, 16), (15, 15)),
        ((300, 200), (0, 0, 300, 200), (16, 16), (2, 13)),
        ((500, 333), (0, 0, 500, 333), (12, 18), (11, 4)),
        ((641, 479), (93.4375, 13.125, 547.5625, 467.25), (7, 7), (3, 5)),
        ((3200, 2400), (400, 0, 2800, 2400), (16, 16), (8, 1)),
    ],
)
def test_the_peak_lies_in_its_patch_of_the_view(
    size: tuple[int, int], box: tuple[float, float, float, float], grid: tuple[int, int], patch: tuple[int, int]
) -> None:
    scores = np.zeros(grid, np.float32)
    scores[patch] = 1
    drawn = draw_overlay(Image.new("RGB", size, GREY), scores, View("crop", box, (224, 224)), Drawing())
    scale = drawn.width / size[0]
    high, wide = (box[3] - box[1]) / grid[0] * scale, (box[2] - box[0]) / grid[1] * scale
    left, top = box[0] * scale + patch[1] * wide, box[1] * scale + patch[0] * high
    x0, y0, x1, y1 = brightest_box(drawn, 0.75)
    assert left - 1 <= x0 and x1 <= left + wide + 1, "outside the patch's columns"
    assert top - 1 <= y0 and y1 <= top + high + 1, "outside the patch's rows"
    if 0 < patch[0] < grid[0] - 1 and 0 < patch[1] < grid[1] - 1:
        assert (x0 + x1) / 2 == pytest.approx(left + wide / 2, abs=1)
        assert (y0 + y1) / 2 == pytest.approx(top + high / 2, abs=1)


def test_fractions_of_a_pixel_count() -> None:
    scores, drawing = np.arange(16.0).reshape(4, 4), Drawing(alpha=1, style="blend", full_size=True)
    view = View("crop", (10.4, 0, 50.4, 40), (56, 56))
    drawn = np.asarray(draw_overlay(Image.new("RGB", (60, 40), GREY), scores, view, drawing))
    expected = colours(scores, drawing, ((0, 40, 40), (0.4, 40.4, 40)))
    assert np.array_equal(drawn[:, 10:50], expected)
    assert not np.array_equal(expected, colours(scores, drawing, ((0, 40, 40), (0, 40, 40))))


def test_the_picture_is_grey_and_darker_outside_the_view_and_only_there() -> None:
    picture = Image.new("RGB", (100, 60), (200, 40, 40))
    drawn = np.asarray(
        draw_overlay(
            picture,
            np.zeros((4, 4)),
            View("crop", (20, 0, 80, 60), (56, 56)),
            Drawing(alpha=0, style="blend", full_size=True),
        )
    )
    assert (drawn[:, 20:80] == (200, 40, 40)).all()
    outside = np.concatenate([drawn[:, :20], drawn[:, 80:]], axis=1)
    assert (outside == outside[0, 0, 0]).all() and outside[0, 0, 0] < 88


def test_alpha_is_the_share_of_the_heatmap() -> None:
    view = View("squash", (0, 0, 40, 30), (56, 56))
    picture = Image.new("RGB", (40, 30), (100, 200, 50))
    scores = np.arange(16.0).reshape(4, 4)
    none, half, whole = (
        np.asarray(draw_overlay(picture, scores, view, Drawing(alpha=alpha, style="blend", full_size=True))).astype(
            float
        )
        for alpha in (0, 0.5, 1)
    )
    assert (none == (100, 200, 50)).all()
    assert np.abs(half - (none + whole) / 2).max() <= 1


def test_a_view_that_reaches_beyond_the_picture_is_cut_not_shifted() -> None:
    scores = np.zeros((4, 4), np.float32)
    scores[2, 1] = 1
    drawn = draw_overlay(
        Image.new("RGB", (100, 50), GREY), scores, View("crop", (0, -25, 100, 75), (56, 56)), Drawing(full_size=True)
    )
    x0, y0, x1, y1 = brightest_box(drawn, 0.9)
    assert (x0 + x1) / 2 == pytest.approx(37.5, abs=1) and (y0 + y1) / 2 == pytest.approx(37.5, abs=1)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((1, 1), (0, 0, 1, 1)),
        ((20_000, 10), (9_995, 0, 10_005, 10)),
        ((10, 20_000), (0, 0, 10, 20_000)),
        ((3, 5), (0.2, 1.2, 2.7, 3.7)),
    ],
)
@pytest.mark.parametrize("colorbar", [False, True])
def test_odd_sizes_are_drawn(size: tuple[int, int], box: tuple[float, float, float, float], *, colorbar: bool) -> None:
    drawing = Drawing(colorbar=colorbar)
    drawn = draw_overlay(
        Image.new("RGB", size, GREY), np.random.default_rng(0).random((16, 16)), View("crop", box, (9, 9)), drawing
    )
    assert max(drawn.size) <= LONG_SIDE


@pytest.mark.parametrize(("size", "drawn"), [((64, 48), (640, 480)), ((100, 320), (200, 640)), ((640, 9), (640, 9))])
def test_small_pictures_are_enlarged_unless_the_full_size_is_asked_for(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    picture, view = Image.new("RGB", size, GREY), View("squash", (0, 0, *size), (56, 56))
    scores = np.arange(4.0).reshape(2, 2)
    assert draw_overlay(picture, scores, view, Drawing()).size == drawn
    assert draw_overlay(picture, scores, view, Drawing(full_size=True)).size == size


def test_large_pictures_are_reduced_unless_the_full_size_is_asked_for() -> None:
    picture, view = Image.new("RGB", (2000, 1000), GREY), View("squash", (0, 0, 2000, 1000), (56, 56))
    scores = np.arange(4.0).reshape(2, 2)
    assert draw_overlay(picture, scores, view, Drawing()).size == (1600, 800)
    assert draw_overlay(picture, scores, view, Drawing(full_size=True)).size == (2000, 1000)
    assert draw_overlay(picture, scores, view, Drawing(colorbar=True)).width == 1600


def test_the_colour_bar_stands_beside_the_picture_and_moves_nothing() -> None:
    picture, view = Image.new("RGB", (200, 150), GREY), View("crop", (25, 0, 175, 150), (56, 56))
    scores = np.random.default_rng(0).random((4, 4))
    plain = np.asarray(draw_overlay(picture, scores, view, Drawing(full_size=True)))
    barred = np.asarray(draw_overlay(picture, scores, view, Drawing(colorbar=True, full_size=True)))
    assert barred.shape[1] > 200 and (barred[:150, :200] == plain).all()
    bar = barred[75, 212:228]
    assert (bar == bar[0]).all() and tuple(bar[0]) != (255, 255, 255)
    top, bottom = barred[30, 215].astype(int).sum(), barred[120, 215].astype(int).sum()
    assert top > bottom, "the highest score stands at the top"


def test_the_same_scores_are_drawn_the_same_twice() -> None:
    picture = Image.effect_noise((320, 200), 60).convert("RGB")
    scores, view = np.random.default_rng(0).random((16, 16)), View("crop", (60, 0, 260, 200), (224, 224))
    first, second = (draw_overlay(picture, scores, view, Drawing(colorbar=True)).tobytes() for _ in range(2))
    assert first == second


def test_colours_that_say_for_or_against_are_those_of_the_scores_alone() -> None:
    """A score of 0 on a red wall is no red: it would speak for the class."""
    scores, view = np.zeros((4, 4)), View("crop", (10, 0, 50, 40), (56, 56))
    drawing = Drawing(signed=True, scale=(-1, 1), style="blend", full_size=True)
    red = Image.new("RGB", (60, 40), (200, 30, 60))
    assert np.ptp(np.asarray(draw_overlay(red, scores, view, drawing)).astype(int), axis=-1).max() <= 2
    other = np.asarray(draw_overlay(red, scores, view, Drawing(style="blend", full_size=True))).astype(int)
    assert np.ptp(other[20, 30]) > 20
