"""The frames of animations: what they say is legible and true, and the removed patches are those that are gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests import given_result
from tests.figures import boxes
from vitexplain.figures import deletion_frames, layer_frames
from vitexplain.figures.deletion_frames import without
from vitexplain.figures.frame import Frame
from vitexplain.images import View
from vitexplain.methods.deletion import Deletion
from vitexplain.render import Drawing
from vitexplain.result import Explanation, Result, Target

TABBY, OX = Target(3, "tabby", None), Target(5, "ox", None)
SHAPES = [(640, 480), (480, 640), (20, 900), (900, 20), (1, 1)]


def said(frame: Frame) -> list[str]:
    """Return the texts of a frame, which are checked to be legible."""
    assert boxes.overlapping(frame.sheet) == [] and boxes.cut_off(frame.sheet) == []
    return [text.replace("\n", " ") for text, _ in boxes.texts(frame.sheet)]


def by_layer(width: int = 64, height: int = 48) -> tuple[Result, list[Explanation]]:
    given = given_result.explanation("rollout")
    made = [
        replace(given, spec=f"rollout:layers=1:{last}", layers=(1, last), scores=given.scores * last)
        for last in range(1, 13)
    ]
    return given_result.result(given_result.picture(width=width, height=height), made), made


def deletion(steps: int = 4, *, of: str = "probability", instead: npt.NDArray[np.uint8] | None = None) -> Deletion:
    removed = np.arange(16) < np.round(np.linspace(0, 16, steps + 1))[:, None]
    answers, random = np.linspace(0.9, 0.01, steps + 1), np.linspace(0.9, 0.01, steps + 1) ** 0.5
    return Deletion(removed, answers, random, of, "mean", 0, instead)


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_each_frame_names_its_layers_and_its_scale(width: int, height: int) -> None:
    result, made = by_layer(width, height)
    frames = layer_frames(result, made, Drawing())
    assert len({(frame.sheet.width, frame.sheet.height) for frame in frames}) == 1
    first, sixth = said(frames[0]), said(frames[5])
    assert first[:2] == ["tabby, 75.0%", "rollout: attention summed over all paths"] == sixth[:2]
    assert "layer 1" in first and "layers 1 to 6" in sixth
    assert "lowest score: 0.01" in first and "lowest score: 0.06" in sixth
    assert "highest score: 0.1" in first and "highest score: 0.6" in sixth
    fixed = said(layer_frames(result, made[:1], Drawing(scale=(0.02, 0.05)))[0])
    assert {"lowest score: < 0.02", "highest score: > 0.05"} <= set(fixed)


def test_a_tick_is_filled_for_each_layer_that_is_shown() -> None:
    result, made = by_layer()
    only = replace(made[0], layers=(4, 6))
    (frame,) = layer_frames(result, [only], Drawing())
    squares = [patch.get_facecolor() for patch in frame.sheet.figure.axes[0].patches][:12]
    dark = [place for place, colour in enumerate(squares, 1) if colour != squares[0]]
    assert len(squares) == 12 and dark == [4, 5, 6]


def test_a_frame_has_the_size_asked_for_and_the_overlay_on_it() -> None:
    result, made = by_layer()
    drawn = layer_frames(result, made[:1], Drawing())[0].drawn(320)
    assert max(drawn.size) == 320
    overlay = result.overlay().resize((300, 225), Image.Resampling.LANCZOS)
    pixels = np.asarray(drawn, np.int64)
    assert (
        min(
            np.abs(pixels[top : top + 225, 9:309][:, :300] - np.asarray(overlay, np.int64)).mean()
            for top in range(20, 50)
        )
        < 12
    )


def test_styles_without_colours_have_no_scale() -> None:
    result, made = by_layer()
    assert not [text for text in said(layer_frames(result, made[:1], Drawing(style="top:20%"))[0]) if "score" in text]


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_each_step_states_how_many_are_removed_and_the_answer(width: int, height: int) -> None:
    result, _ = by_layer(width, height)
    given = deletion()
    frames = deletion_frames(result, result.explanations[0], given, Drawing())
    assert len(frames) == 5
    for frame, count, answer in zip(frames, (0, 4, 8, 12, 16), ("90.0", "67.8", "45.5", "23.3", "1.0"), strict=True):
        texts = said(frame)
        assert f"{count} of 16 patches removed" in texts and f"probability {answer}%" in texts
        assert {"100%", "0%", "patches removed, highest first", "in random order"} <= set(texts)


@pytest.mark.parametrize(
    ("target", "of", "words"),
    [
        (OX, "probability", "probability 90.0%"),
        (replace(OX, against=TABBY), "probability", "difference in probability 90.0%"),
        (replace(OX, lowers=True), "probability", "probability of another class 90.0%"),
        (OX, "value", "value 0.9"),
        (None, "similarity", "similarity 0.9"),
    ],
)
def test_what_the_answer_is(target: Target | None, of: str, words: str) -> None:
    result = given_result.result(None, [replace(given_result.explanation("attn-lrp"), target=target)])
    assert words in said(deletion_frames(result, result.explanations[0], deletion(of=of), Drawing())[0])


def test_the_curve_so_far_lies_where_the_answers_are() -> None:
    result, _ = by_layer()
    given = deletion()
    for step, frame in enumerate(deletion_frames(result, result.explanations[0], given, Drawing())):
        axis, *curves = (
            lines.get_segments() for lines in frame.sheet.figure.axes[0].collections if hasattr(lines, "get_segments")
        )
        (left, top), (right, _) = axis[0]
        bottom = axis[1][0][1]
        assert len(curves) == (2 if step else 0)
        for segments, answers in zip(curves, (given.random, given.answers), strict=False):
            points = [segments[0][0], *(end for _, end in segments)]
            shares = [(x - left) / (right - left) for x, _ in points]
            heights = [(bottom - y) / (bottom - top) for _, y in points]
            np.testing.assert_allclose(shares, np.linspace(0, 1, 5)[: step + 1], atol=1e-9)
            np.testing.assert_allclose(heights, answers[: step + 1], atol=1e-9)


@pytest.mark.parametrize("box", [(0.0, 0.0, 40.0, 40.0), (-10.0, 0.0, 50.0, 40.0)])
def test_removed_patches_are_replaced_and_the_others_are_as_they_were(box: tuple[float, float, float, float]) -> None:
    """Also where the view reaches beyond the picture: a patch of 15 pixels then begins 10 before its edge."""
    result = given_result.result(given_result.picture(width=40, height=40))
    result = replace(result, view=View("crop", box, (56, 56)))
    part = result.picture.image
    instead = np.full((56, 56, 3), (10, 200, 30), np.uint8)
    shown = np.asarray(without(result, part, deletion(instead=instead), 2))  # the upper two of four rows
    np.testing.assert_array_equal(shown[:20], np.broadcast_to((10, 200, 30), (20, 40, 3)))
    np.testing.assert_array_equal(shown[20:], np.asarray(part)[20:])
    wide = (box[2] - box[0]) / 4
    across = np.asarray(without(result, part, replace(deletion(), removed=np.arange(16)[None] % 4 == 0), 0))
    end = round(box[0] + wide)
    assert (across[:, :end] == 255).all(), "white where nothing replaces them"
    np.testing.assert_array_equal(across[:, end:], np.asarray(part)[:, end:])
