"""Literal versions of what metrics that remove patches are made of, and scores to remove by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.evaluation.inputs import look
from vitexplain.forward_pass import ForwardPass

TARGET = 3


def pass_of_a_picture(folder: Path) -> ForwardPass:
    """Return the pass of a small picture through a tiny model, for class 3."""
    model = tiny_loaded()
    (given,) = pictures(folder, 1)
    pixels = look(given.read(), given.path, model, question("raw")).pixels
    return ForwardPass(model, pixels, ()).for_target(torch.tensor([TARGET]))


def literal_probability(forward_pass: ForwardPass, removed: Sequence[int]) -> float:
    """Return the target's probability with the given patches of 8 x 8 pixels in the view's mean colour."""
    return float(_logits(forward_pass, removed).softmax(-1)[TARGET])


def literal_logit(forward_pass: ForwardPass, removed: Sequence[int]) -> float:
    """Return the target's logit without the given patches."""
    return float(_logits(forward_pass, removed)[TARGET])


def _logits(forward_pass: ForwardPass, removed: Sequence[int]) -> torch.Tensor:
    pixels = forward_pass.pixels.clone()
    for patch in removed:
        top, left = 8 * (patch // 4), 8 * (patch % 4)
        for channel in range(3):
            pixels[0, channel, top : top + 8, left : left + 8] = forward_pass.pixels[0, channel].mean()
    with torch.inference_mode():
        logits: torch.Tensor = forward_pass.model.network(pixels)[0]
    return logits


def scores() -> npt.NDArray[np.float64]:
    """Return a score for each of 16 patches."""
    return np.random.default_rng(1).normal(size=16)
