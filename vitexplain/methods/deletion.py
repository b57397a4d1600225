"""Deletion: the patches of one picture removed in the order of scores, and what the model answers at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName, filling, outputs_without
from vitexplain.methods.random import Random
from vitexplain.methods.removal import Curve, answers_of, ranked, removed_at


@dataclass(frozen=True, eq=False)
class Deletion:
    """K steps, from the whole picture to none of its patches.

    `removed` (K, P): the patches that are missing; `answers` (K,): the target's probability, or what it has in place of
    one, as `of` says (probability, value or similarity); `random` (K,): the same in a random order. `instead`: what
    replaces removed patches, in the view's pixels, uint8 (H, W, 3); None where they are dropped.
    """

    removed: npt.NDArray[np.bool_]
    answers: Curve
    random: Curve
    of: str
    fill: FillName
    seed: int
    instead: npt.NDArray[np.uint8] | None


def deletion_of(
    forward_pass: ForwardPass, image: int, scores: npt.NDArray[Any], steps: int, fill: FillName, seed: int
) -> Deletion:
    """Return the deletion of one image of the batch in `steps` equal parts, in the order of scores (P,).

    Petsiuk et al. 2018 (RISE), section 4.2: the curve, the order of ties and the random order are those of the judge.
    """
    key = forward_pass.image_keys[image]
    drawn = Random(seed).draw(key, len(scores))
    removed, control = (removed_at(ranked(each, seed, key), steps) for each in (scores, drawn))
    # Both orders begin and end alike.
    variants, places = np.unique(np.concatenate((removed, control)), axis=0, return_inverse=True)
    outputs = outputs_without(forward_pass, image, torch.from_numpy(variants), fill)
    answers = answers_of(forward_pass, outputs, image, fill)[places.reshape(-1)]
    of = "probability" if forward_pass.quantity == "logit" else forward_pass.quantity
    instead = None if fill == "drop" else _as_picture(forward_pass, image, fill)
    return Deletion(removed, answers[: steps + 1], answers[steps + 1 :], of, fill, seed, instead)


def _as_picture(forward_pass: ForwardPass, image: int, fill: FillName) -> npt.NDArray[np.uint8]:
    """Return what replaces removed patches as a picture (H, W, 3)."""
    preprocess = forward_pass.model.preprocess
    given = filling(forward_pass, forward_pass.pixels[image], fill).float().cpu().permute(1, 2, 0)
    shares = given * torch.tensor(preprocess.std) + torch.tensor(preprocess.mean)
    return np.asarray((shares.clamp(0, 1) * 255).round().to(torch.uint8).numpy())
