"""Random attention of many kinds, degenerate ones included."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

KINDS = ("soft", "sharp", "one-hot", "zero-rows", "zero-entries", "uniform")


def random_attention(kind: str, generator: np.random.Generator, *, heads: int, tokens: int) -> npt.NDArray[np.float64]:
    """Return weights (heads, tokens, tokens) of one layer."""
    scores = generator.standard_normal((heads, tokens, tokens)) * (6 if kind == "sharp" else 1)
    weights: npt.NDArray[np.float64] = np.exp(scores)
    if kind == "one-hot":
        weights = np.eye(tokens)[generator.integers(0, tokens, (heads, tokens))]
    elif kind == "uniform":
        weights = np.ones_like(weights)
    elif kind == "zero-entries":
        weights = np.where(generator.random(weights.shape) < 0.5, weights, 0.0)
        weights[..., 0] += 1e-3
    weights = weights / weights.sum(-1, keepdims=True)
    if kind == "zero-rows":
        weights[:, generator.integers(0, tokens)] = 0.0
    return weights
