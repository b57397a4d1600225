"""Small graphs of given numbers: a class token, patches, random or virtual sources."""

from __future__ import annotations

import numpy as np

from vitexplain.graph import ImageGraph
from vitexplain.tokens import TokenLayout

LAYOUT = TokenLayout(prefix=1, rows=2, cols=3)


def graph(seed: int, *, virtual: bool = False, layers: int = 3, sparse: bool = False) -> ImageGraph:
    """Return a graph of 7 tokens whose rows sum to 1; `sparse` sets half of the entries to 0."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(layers):
        layer = rng.dirichlet(np.full(7, 0.5), 7)
        if sparse:
            layer[rng.random(layer.shape) < 0.5] = 0.0
        made.append(layer)
    weights = None
    if virtual:
        weights = np.r_[0.0, np.full(6, 1 / 6)]
    return ImageGraph(tuple(made), 1, LAYOUT, None if virtual else 0, weights)
