"""The flow to one patch, edge by edge: its widest paths and the minimum cut that proves it maximal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vitexplain.attention import Floats, LayeredGraph
from vitexplain.graph.paths import Path
from vitexplain.maxflow import edge_flow

Edge = tuple[int, int, int]
"""(level, reader, read): an edge from a token of `level` to one of the level below; level L + 1 is a virtual source."""

_NOTHING = 1e-12
"""Less than this share of the flow on an edge counts as rounding."""


@dataclass(frozen=True, eq=False)
class PatchFlow:
    """A maximum flow from the source to one token at the bottom, and a minimum cut.

    `value`: capacity of the cut on the original graph. `flow`: L arrays (N, M) shaped like the graph's layers;
    `source_flow` (N,) on a virtual source's edges, None for a source that is a token. `cut`: the edges of the cut that
    have a capacity, `cut_layers`: the layers they are in, numbered as in the model (one above the last: the virtual
    source). `token`: the sink.
    """

    token: int
    value: float
    flow: tuple[Floats, ...]
    source_flow: Floats | None
    cut: frozenset[Edge]
    cut_layers: tuple[int, ...]

    def widest_paths(self, top: int) -> tuple[Path, ...]:
        """Return at most `top` paths that the flow takes, each the widest in what the ones before it leave.

        The weights sum to the whole flow if `top` is large enough.
        """
        left = [layer.copy() for layer in self.flow]
        start = np.full(left[-1].shape[0], np.inf) if self.source_flow is None else self.source_flow.copy()
        found: list[Path] = []
        while len(found) < top:
            tokens, width = _widest(left, start, self.token)
            if width <= _NOTHING * self.value:
                break
            start[tokens[0]] -= width
            for depth, (above, below) in enumerate(pairwise(tokens)):
                left[-1 - depth][above, below] -= width
            found.append(Path(tokens, width))
        return tuple(found)


def flow_to(graph: LayeredGraph, token: int) -> PatchFlow:
    """Return the maximum flow from the graph's source to `token` at the bottom (Abnar & Zuidema 2020, section 3.2)."""
    source: Any = graph.source.node if graph.source_weights is None else graph.source_weights
    found = edge_flow(graph.arrays, source, token)
    cut = frozenset(_cut_edges(graph, [np.asarray(side) for side in found.source_side]))
    return PatchFlow(
        token=token,
        value=found.cut_capacity,
        flow=tuple(found.flow),
        source_flow=found.source_flow,
        cut=cut,
        cut_layers=tuple(int(layer) + graph.first - 1 for layer in found.cut_layers),
    )


def _cut_edges(graph: LayeredGraph, near: list[npt.NDArray[np.bool_]]) -> list[Edge]:
    """Return the edges that lead from the source's side to the sink's side."""
    edges: list[Edge] = []
    for level, layer in enumerate(graph.arrays, start=1):
        above, below = np.nonzero((layer > 0) & near[level][:, None] & ~near[level - 1])
        edges += [(level, int(a), int(b)) for a, b in zip(above, below, strict=True)]
    if graph.source_weights is not None:
        outside = np.flatnonzero((graph.source_weights > 0) & ~near[-1])
        edges += [(len(graph.arrays) + 1, -1, int(token)) for token in outside]
    return edges


def _widest(layers: list[Floats], start: Floats, sink: int) -> tuple[tuple[int, ...], float]:
    """Return the tokens, from level L to level 0, of the path whose narrowest edge is widest, and that width."""
    width = np.where(start > 0, start, 0.0)
    came: list[npt.NDArray[np.intp]] = []
    for layer in reversed(layers):
        through = np.minimum(width[:, None], layer)
        came.append(through.argmax(0))
        width = through.max(0)
    tokens = [sink]
    for best in reversed(came):
        tokens.append(int(best[tokens[-1]]))
    return tuple(reversed(tokens)), float(width[sink])
