"""What a figure says in words: the statistics under a panel, predictions, the rule of the colours, how to read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vitexplain.render.drawing import indistinct
from vitexplain.result import Explanation, Prediction, Result, class_names, target_name, target_names


def all_equal(scores: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """Return whether the scores differ by no more than rounding: there is nothing to show then."""
    return indistinct(float(scores.min()), float(scores.max()))


def statistics(explanation: Explanation) -> list[str]:
    """Return the statistics that matter, each a few words; those that the method does not have are left out."""
    known = explanation.statistics
    parts = []
    if (entropy := known.get("entropy")) is not None:
        parts.append(f"entropy {entropy:.2f} of {math.log2(explanation.scores.size):.2f} bits")
    if (share := known.get("prefix_share")) is not None:
        parts.append(f"prefix tokens {percent(share)}")
    if (share := known.get("source_limited")) is not None:
        parts.append(f"source-limited {percent(share)}")
    if (share := known.get("sink_limited")) is not None:
        parts.append(f"sink-limited {percent(share)}")
    if explanation.target is not None:
        parts.append(f"explains {target_name(explanation.target, target_names([explanation]))}")
    return parts


def answer(prediction: Prediction) -> str:
    """Return a class's probability as a percentage, or its value where it has none."""
    return prediction.shown.replace("%", " %")


def percent(share: float) -> str:
    """Return a share as a percentage; only exactly 0 and 1 are written as 0 % and 100 %."""
    if 0 < share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{share:.0%}".replace("%", " %")


def predictions(result: Result, count: int = 3) -> list[str]:
    """Return the most probable classes, one a line."""
    if not result.predictions:
        return ["no prediction: the model returns no classes"]
    shown = result.predictions[:count]
    names = class_names(shown)
    return [f"{names[each.index]} {answer(each)}" for each in shown]


def name_of(result: Result) -> str:
    """Return the last part of the picture's path, or what replaces it where there is none."""
    path = result.picture.path
    if path is None:
        return "image"
    return "stdin" if path == "-" else path.rstrip("/").rpartition("/")[2]


def about_model(result: Result, what: str) -> str:
    """Return one sentence about the model; `what` names the part of the figure that it saw."""
    model, view = result.model, result.view
    return (
        f"Model {model.name}: {model.layers} layers, {model.heads} heads, {model.grid[0]} x {model.grid[1]} patches, "
        f"prefix tokens: {model.prefix}; it saw {what} ({view.kind}) as {view.size[1]} x {view.size[0]} pixels."
    )


def guide(explanations: Sequence[Explanation]) -> list[str]:
    """Return sentences on the meaning of the statistics that are there."""
    names = {
        name for explanation in explanations for name, value in explanation.statistics.items() if value is not None
    }
    found = []
    if "entropy" in names:
        found.append(
            "Entropy: how widely the scores spread over the patches; the second number is that of equal scores."
        )
    if "prefix_share" in names:
        found.append("Prefix tokens: the share of all scores that fell on tokens that are not patches.")
    if "source_limited" in names:
        found.append(
            "Source-limited: patches whose flow is all that the source can send; these tie. Sink-limited: patches "
            "whose flow is all that the lowest layer lets through to them; these show that layer and little else. A "
            "patch may be both."
        )
    return found
