"""Deletion, insertion and SaCo: what the model says when patches are removed as the scores tell."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName, outputs_without

Curves = npt.NDArray[np.float64]


def ranked(scores: npt.NDArray[Any], seed: int, image: str) -> npt.NDArray[np.intp]:
    """Return the patches in the order of their scores, the highest first; ties in an order drawn for the image.

    Without the draw, patches that tie would go row by row from the top, which is an explanation of its own.
    """
    drawn = hashlib.sha256(f"{seed}:ties:{image}".encode()).digest()
    shuffled = np.random.default_rng(int.from_bytes(drawn, "big")).permutation(len(scores))
    order: npt.NDArray[np.intp] = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return order


def removal_curves(forward_pass: ForwardPass, order: npt.NDArray[np.intp], steps: int, fill: FillName) -> Curves:
    """Return (2, steps + 1): the target's probability while patches are removed, and revealed, in this order.

    Petsiuk et al. 2018 (RISE), section 4.2, in `steps` equal parts. The first curve begins with the whole image and
    ends with none of its patches, the second the other way round.
    """
    patches = len(order)
    counts = np.round(np.linspace(0, patches, steps + 1)).astype(int)
    places = np.empty(patches, int)
    places[order] = np.arange(patches)
    removed = places < counts[:, None]
    between = removed[1:-1]
    deletion, insertion = np.split(_probabilities(forward_pass, np.concatenate((between, ~between)), fill), 2)
    whole, empty = (_end(forward_pass, patches, fill, empty=end) for end in (False, True))
    return np.stack((np.concatenate((whole, deletion, empty)), np.concatenate((empty, insertion, whole))))


def area(curve: npt.NDArray[np.float64]) -> float:
    """Return the area under a curve over [0, 1] by the trapezoidal rule."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def saco(
    forward_pass: ForwardPass,
    scores: npt.NDArray[Any],
    order: npt.NDArray[np.intp],
    groups: int,
    fill: FillName,
) -> float:
    """Return the salience-guided faithfulness coefficient, -1 to 1 (Wu et al., CVPR 2024, algorithm 1).

    Patches in the order of their scores make groups of equal size; each is removed by itself. Every pair of groups
    counts with the difference of their scores: for, if the removal of the higher one costs the target at least as much
    probability, against otherwise. NaN if all groups have equal scores. Where the number of patches is not divisible, a
    group's score is the mean of its patches times the mean size.
    """
    parts = np.array_split(order, min(groups, len(order)))
    removed = np.zeros((len(parts), len(order)), bool)
    for row, part in enumerate(parts):
        removed[row, part] = True
    whole = _end(forward_pass, len(order), fill, empty=False)
    drops = whole - _probabilities(forward_pass, removed, fill)
    return coefficient(np.array([scores[part].mean(dtype=np.float64) for part in parts]), drops)


def coefficient(salience: npt.NDArray[np.float64], drops: npt.NDArray[np.float64]) -> float:
    """Return SaCo of groups whose salience falls from the first to the last, and of their drops."""
    above, below = np.triu_indices(len(salience), 1)
    weights = salience[above] - salience[below]
    total = float(np.abs(weights).sum())
    if total == 0:
        return float("nan")
    return float(np.where(drops[above] >= drops[below], weights, -weights).sum() / total)


def _end(forward_pass: ForwardPass, patches: int, fill: FillName, *, empty: bool) -> Curves:
    """Return the target's probability (1,) for the whole image, or for none of its patches: they end all curves."""
    removed = torch.full((1, patches), empty)
    outputs = forward_pass.once(("end", fill, empty), lambda: outputs_without(forward_pass, 0, removed, fill))
    return _of_target(forward_pass, outputs, fill)


def _probabilities(forward_pass: ForwardPass, removed: npt.NDArray[np.bool_], fill: FillName) -> Curves:
    """Return the target's probability (K,) for variants of the pass's one image, removed (K, P)."""
    if not len(removed):
        return np.empty(0)
    return _of_target(forward_pass, outputs_without(forward_pass, 0, torch.from_numpy(removed), fill), fill)


def _of_target(forward_pass: ForwardPass, outputs: Tensor, fill: FillName) -> Curves:
    found: Curves = forward_pass.of_target(outputs.softmax(-1), 0).double().cpu().numpy()
    if not np.isfinite(found).all():
        raise ModelError(
            f"fill={fill}: the model gives no finite probability without patches: use fill=mean, blur or black"
        )
    return found
