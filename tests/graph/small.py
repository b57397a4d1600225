"""Small graphs of given numbers: a class token, patches, random or virtual sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from vitexplain.attention import LayeredGraph, dense_layer
from vitexplain.tokens import TokenGrid

GRID = TokenGrid(prefix=1, rows=2, cols=3)


def of_arrays(
    layers: Sequence[npt.NDArray[np.float64]], grid: TokenGrid = GRID, *, first: int = 1, virtual: bool = False
) -> LayeredGraph:
    """Return the graph of given layers (N, N) between equal levels, from the class token or the mean of the patches."""
    made = tuple(dense_layer(torch.from_numpy(layer)[None]) for layer in layers)
    return LayeredGraph(made, (grid,) * (len(made) + 1), first, readout="mean" if virtual else "cls")


def graph(seed: int, *, virtual: bool = False, layers: int = 3, sparse: bool = False) -> LayeredGraph:
    """Return a graph of 7 tokens whose rows sum to 1; `sparse` sets half of the entries to 0."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(layers):
        layer = rng.dirichlet(np.full(7, 0.5), 7)
        if sparse:
            layer[rng.random(layer.shape) < 0.5] = 0.0
        made.append(layer)
    return of_arrays(made, virtual=virtual)
