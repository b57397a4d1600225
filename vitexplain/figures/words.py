"""What a figure says in words: the statistics under a panel, predictions, the rule of the colours, how to read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from vitexplain.render.drawing import indistinct
from vitexplain.result import (
    Explanation,
    Result,
    Target,
    class_name,
    class_names,
    target_name,
    target_names,
)


def all_equal(scores: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """Return whether the scores differ by no more than rounding: there is nothing to show then."""
    return indistinct(float(scores.min()), float(scores.max()))


METHODS = {
    "raw": "attention of one layer",
    "rollout": "attention summed over all paths",
    "flow": "attention as flow through pipes",
    "relevance": "attention weighed by its gradients",
    "legrad": "gradients of attention, summed over layers",
    "attn-lrp": "the output passed back, layer by layer",
    "libra": "balanced gradients times input",
    "integrated-gradients": "gradients on the way from grey to the picture",
    "input-gradient": "gradient times input",
    "blank-out": "what changes without each patch",
    "mean": "several maps in one",
    "random": "a control that knows nothing",
}
"""What each method shows, in a few words."""

_SPREAD = ((0.9, "spread over all patches"), (0.3, "spread over many patches"), (0.0, "on few patches"))
"""The least number of patches that equal scores of the same entropy would have, as a share of all, in words."""


def caption(explanation: Explanation, *, described: bool = False) -> list[str]:
    """Return what is under a panel, each a few words: what the method shows, for what, and how far to trust it.

    The exact numbers are in the record. `described`: what the method shows stands elsewhere.
    """
    known = explanation.statistics
    parts = [METHODS[explanation.method]] if explanation.method in METHODS and not described else []
    if explanation.target is not None:
        parts.append(f"for {target_name(explanation.target, target_names([explanation]))}")
    if (entropy := known.get("entropy")) is not None:
        share = 2**entropy / explanation.scores.size
        parts.append(next(words for least, words in _SPREAD if share >= least))
    if (share := known.get("prefix_share")) is not None and share >= 0.005:
        parts.append(f"{percent(share)} on no patch")
    if (share := known.get("source_limited")) is not None:
        parts.append(f"source-limited {percent(share)}")
    if (share := known.get("sink_limited")) is not None:
        parts.append(f"sink-limited {percent(share)}")
    return parts


def panel_title(explanation: Explanation) -> str:
    """Return the spec, and of a mean the names of its methods."""
    if explanation.method != "mean":
        return explanation.spec
    parts = re.findall(r"(?:^mean:|\+)([a-z-]+)", explanation.spec)
    return f"mean of {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else explanation.spec


def headline(result: Result, explanation: Explanation) -> str:
    """Return the class explained, else the first prediction, with its probability or value where that is known."""
    target = explanation.target
    if target is None:
        first = result.predictions[:1]
        return "".join(f"{class_name(each)}, {each.shown}" for each in first) or "no prediction"
    name = target_name(target, target_names([explanation]))
    known = [each for each in result.predictions if isinstance(target, Target) and each.index == target.index]
    return f"{name}, {known[0].shown}" if known and isinstance(target, Target) and not target.against else name


def colour_ends(explanation: Explanation) -> tuple[str, str]:
    """Return what the colours at the left and at the right end of the scale mean."""
    target = explanation.target
    if not explanation.signed:
        return "lowest score", "highest score"
    if not isinstance(target, Target):
        return "against", "for"
    names = target_names([explanation])
    if target.against is not None:
        return f"for {names[target.against.index]}", f"for {names[target.index]}"
    if target.lowers:
        return f"for {names[target.index]}", f"against {names[target.index]}"
    return f"against {names[target.index]}", f"for {names[target.index]}"


def percent(share: float) -> str:
    """Return a share as a percentage; only exactly 0 and 1 are written as 0% and 100%."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def predictions(result: Result, count: int = 3) -> list[str]:
    """Return the most probable classes, one a line."""
    if not result.predictions:
        return ["no prediction: the model returns no classes"]
    shown = result.predictions[:count]
    names = class_names(shown)
    return [f"{names[each.index]} {each.shown}" for each in shown]


def name_of(result: Result) -> str:
    """Return the last part of the picture's path, or what replaces it where there is none."""
    path = result.picture.path
    if path is None:
        return "image"
    return "stdin" if path == "-" else path.rstrip("/").rpartition("/")[2]


def about_model(result: Result, what: str) -> str:
    """Return one sentence about the model; `what` names the part of the figure that it saw."""
    model, view = result.model, result.view
    grid = f"{model.grid[0]} x {model.grid[1]}"
    parts = f"{model.layers} layers, {model.heads} heads, {grid} patches, prefix tokens: {model.prefix}"
    if not model.layers:
        parts = f"no graph of attention, {grid} squares of pixels"
    return f"Model {model.name}: {parts}; it saw {what} ({view.kind}) as {view.size[1]} x {view.size[0]} pixels."


def guide(explanations: Sequence[Explanation]) -> list[str]:
    """Return sentences on the meaning of the statistics that are there."""
    names = {
        name for explanation in explanations for name, value in explanation.statistics.items() if value is not None
    }
    found = []
    if any((each.statistics.get("prefix_share") or 0) >= 0.005 for each in explanations):
        found.append("On no patch: the share of all scores that fell on tokens that are not patches.")
    if "source_limited" in names:
        found.append(
            "Source-limited: patches whose flow is all that the source can send; these tie. Sink-limited: patches "
            "whose flow is all that the lowest layer lets through to them; these show that layer and little else. A "
            "patch may be both."
        )
    return found
