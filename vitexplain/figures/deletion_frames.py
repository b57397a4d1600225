"""deletion_frames: patches removed in the order of scores, with the model's answer at each step, for an animation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vitexplain.figures.frame import SMALL, TEXT, TITLE, WIDTH, Frame
from vitexplain.figures.grid import GAP, MARGIN
from vitexplain.figures.letters import broken, height, width
from vitexplain.figures.sheet import Sheet
from vitexplain.figures.view_picture import panel_picture, seen, seen_box
from vitexplain.figures.words import METHODS, headline, panel_title
from vitexplain.methods.deletion import Deletion
from vitexplain.render import Drawing
from vitexplain.render.heatmap import places
from vitexplain.result import Explanation, Result, Target

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.render.heatmap import Array

_TALLEST = 3.2
"""The tallest picture in inches."""
_CURVE = 1.2
"""Height of the curves in inches."""
_AIR, _SHARPNESS = 0.06, 330
"""Inches between lines, and pixels an inch of the pictures before they are scaled."""

_OWN, _RANDOM = "#d55e00", "0.55"
_GONE = 255
"""Grey value of patches that nothing replaces."""


def deletion_frames(result: Result, explanation: Explanation, deletion: Deletion, drawing: Drawing) -> list[Frame]:
    """Return a frame for each step of a deletion.

    On the left stands the map, on the right what is left of the picture, below them the answer so far, beside that of
    a random order.
    """
    x0, y0, x1, y1 = seen_box(result)
    shape = (x1 - x0) / (y1 - y0)
    wide = min((WIDTH - 2 * MARGIN - GAP) / 2, _TALLEST * shape)
    part = seen(result, (max(1, round(wide * _SHARPNESS)), max(1, round(wide / shape * _SHARPNESS))))
    mapped = panel_picture(part, result, explanation, replace(drawing, colorbar=False))
    name = panel_title(explanation)
    words = METHODS.get(explanation.method)
    texts = [broken(headline(result, explanation), WIDTH - 2 * MARGIN, TITLE, bold=True)]
    texts.append(broken(f"{name}: {words}" if words else name, WIDTH - 2 * MARGIN, TEXT))
    answered = _answered(explanation, deletion)
    return [
        _frame(texts, answered, (mapped, without(result, part, deletion, step)), wide / shape, deletion, step)
        for step in range(len(deletion.answers))
    ]


def without(result: Result, part: Image.Image, deletion: Deletion, step: int) -> Image.Image:
    """Return `part`, what the model saw of the picture, with the patches that are removed at a step replaced."""
    from PIL import Image

    (left, top, right, bottom), (x0, y0, x1, y1) = seen_box(result), result.view.box
    across, down = part.width / (right - left), part.height / (bottom - top)
    rows, cols = result.model.grid
    removed = deletion.removed[step].reshape(rows, cols)
    row = places(((y0 - top) * down, (y1 - top) * down, part.height), rows)
    col = places(((x0 - left) * across, (x1 - left) * across, part.width), cols)
    instead: Array = np.full((part.height, part.width, 3), _GONE, np.uint8)
    if deletion.instead is not None:
        given = Image.fromarray(deletion.instead)
        scale = given.width / (x1 - x0), given.height / (y1 - y0)
        box = ((left - x0) * scale[0], (top - y0) * scale[1], (right - x0) * scale[0], (bottom - y0) * scale[1])
        instead = np.asarray(given.resize(part.size, Image.Resampling.BICUBIC, box=box))
    return Image.fromarray(np.where(removed[row][:, col][..., None], instead, np.asarray(part)))


def _frame(
    texts: Sequence[list[str]],
    answered: str,
    pictures: Sequence[Image.Image],
    tall: float,
    deletion: Deletion,
    step: int,
) -> Frame:
    title, about = texts
    above = MARGIN + height(len(title), TITLE) + height(len(about), TEXT) + _AIR
    middle = above + tall + _AIR + height(1, TEXT) + 2 * _AIR
    frame = Frame(Sheet(WIDTH, middle + height(1, TITLE) + _AIR + _CURVE + height(1, SMALL) + MARGIN))
    sheet, patches = frame.sheet, deletion.removed.shape[1]
    sheet.text(MARGIN, MARGIN, title, TITLE, bold=True)
    sheet.text(MARGIN, MARGIN + height(len(title), TITLE), about, TEXT, color="0.25")
    wide = tall * pictures[0].width / pictures[0].height
    count = int(deletion.removed[step].sum())
    for picture, x, words in (
        (pictures[0], MARGIN, "the map"),
        (pictures[1], (WIDTH + GAP) / 2, f"{count} of {patches} patches removed"),
    ):
        frame.picture(picture, x, above, wide, tall)
        sheet.frame(x, above, wide, tall, linewidth=1.0)  # its outer half remains, beside white patches, too
        sheet.text(x, above + tall + _AIR, words, TEXT)
    answer = f"{answered} {_short(deletion, float(deletion.answers[step]), 1)}"
    sheet.text(MARGIN, middle, answer, TITLE, bold=True, color=_OWN)
    _curves(sheet, deletion, step, middle + height(1, TITLE) + _AIR)
    return frame


def _curves(sheet: Sheet, deletion: Deletion, step: int, top: float) -> None:
    """Draw both curves up to a step, and their axes."""
    low, high = _range(deletion)
    ends = [_short(deletion, high), _short(deletion, low)]
    left = MARGIN + max(width(end, SMALL) for end in ends) + _AIR
    right, bottom = WIDTH - MARGIN, top + _CURVE
    for text, y in zip(ends, (top, bottom), strict=True):
        sheet.text(left - _AIR, y, text, SMALL, ha="right", va="center")
    sheet.lines([((left, top), (right, top)), ((left, bottom), (right, bottom))], colors="0.8", linewidths=0.6)
    shares = deletion.removed.mean(1)
    for answers, style in ((deletion.random, (_RANDOM, "dashed", 1.2)), (deletion.answers, (_OWN, "solid", 2.0))):
        points = [
            (left + share * (right - left), bottom - (value - low) / (high - low) * _CURVE)
            for share, value in zip(shares[: step + 1].tolist(), answers[: step + 1].tolist(), strict=True)
        ]
        colour, dashes, thick = style
        sheet.lines(list(pairwise(points)), colors=colour, linestyles=dashes, linewidths=thick)
        sheet.dots(points[-1:], [thick * 3], color=colour)
    below = bottom + _AIR
    sheet.text(left, below, "0%", SMALL)
    own, control = "patches removed, highest first", "in random order"
    start = (left + right - width(own, SMALL) - GAP - width(control, SMALL)) / 2
    sheet.text(start, below, own, SMALL, color=_OWN)
    sheet.text(start + width(own, SMALL) + GAP, below, control, SMALL, color=_RANDOM)
    sheet.text(right, below, "100%", SMALL, ha="right")


def _range(deletion: Deletion) -> tuple[float, float]:
    """Return the ends of the vertical axis: 0 and 1 for probabilities, else those of the answers."""
    both = np.concatenate((deletion.answers, deletion.random))
    low, high = float(both.min()), float(both.max())
    if deletion.of == "probability" and low >= 0:
        return 0.0, 1.0
    return (low, high) if low < high else (low - 1, high + 1)


def _answered(explanation: Explanation, deletion: Deletion) -> str:
    """Return what the answers are, in words."""
    target = explanation.target
    if deletion.of != "probability" or not isinstance(target, Target):
        return deletion.of
    if target.against is not None:
        return "difference in probability"
    return "probability of another class" if target.lowers else "probability"


def _short(deletion: Deletion, answer: float, digits: int = 0) -> str:
    """Return an answer as a percentage where it is a probability, otherwise with three digits."""
    return f"{round(100 * answer, digits) + 0.0:.{digits}f}%" if deletion.of == "probability" else f"{answer:.3g}"
