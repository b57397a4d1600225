"""Removal: the order in which patches are removed, and what the model answers without them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FillName

Order = npt.NDArray[np.intp]
Curve = npt.NDArray[np.float64]
Removed = npt.NDArray[np.bool_]


def ranked(scores: npt.NDArray[Any], seed: int, image: str) -> Order:
    """Return the patches in the order of their scores, the highest first; ties in a random order of the image's own.

    Otherwise tied patches would go row by row from the top, which is an explanation of its own.
    """
    drawn = hashlib.sha256(f"{seed}:ties:{image}".encode()).digest()
    shuffled = np.random.default_rng(int.from_bytes(drawn, "big")).permutation(len(scores))
    order: Order = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return order


def removed_at(order: Order, steps: int) -> Removed:
    """Return which patches are removed (steps + 1, P) at each step, none at first and all at last."""
    counts = np.round(np.linspace(0, len(order), steps + 1)).astype(int)[:, None]
    return np.asarray(np.argsort(order) < counts)


def answers_of(forward_pass: ForwardPass, outputs: Tensor, image: int, fill: FillName) -> Curve:
    """Return the target's answer (K,) in outputs (K, O) for variants of one image of the batch.

    That is its probability, or its value or similarity where it has none. ModelError: one is no finite number.
    """
    found: Curve = forward_pass.answer(outputs, image).double().cpu().numpy()
    if not np.isfinite(found).all():
        raise ModelError(
            f"fill={fill}: the model gives no finite numbers without patches: use fill=mean, blur or black"
        )
    return found
