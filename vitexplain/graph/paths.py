"""The strongest paths of rollout: from the source down to a patch, each weighing the product of its edges."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vitexplain.attention import Floats, LayeredGraph


@dataclass(frozen=True)
class Path:
    """A path through the graph: `tokens` from level L down to level 0, and what it carries.

    `weight` is the product of its edges, a virtual source's edge included (rollout), or the flow on it (flow).
    """

    tokens: tuple[int, ...]
    weight: float


def strongest_paths(graph: LayeredGraph, top: int) -> tuple[Path, ...]:
    """Return the `top` paths of the largest weight that end in a patch, the strongest first.

    Exact, by best-first search with what the best continuation weighs: paths come out in the order of their weight.
    Of equal paths the one through earlier tokens comes first. Paths of weight 0 do not exist.
    """
    search = _Search(graph)
    found: list[Path] = []
    while search.waiting and len(found) < top:
        path = search.next()
        if path is not None:
            found.append(path)
    return tuple(found)


def path_count(graph: LayeredGraph) -> float:
    """Return the number of paths from the source to a patch, as a float: it may have 30 digits."""
    counts = (graph.start > 0).astype(np.float64)
    for layer in reversed(graph.arrays):
        counts = counts @ (layer > 0)
    return float(counts[graph.grid.prefix :].sum())


class _Search:
    """Best-first search; a state waits with the weight of the best path through it, negated for the heap.

    A state is a path down to some level and the rank of its last token among its siblings, so that of the N children
    of a token only the next best waits: the heap grows with the number of paths, not with the number of tokens.
    """

    def __init__(self, graph: LayeredGraph) -> None:
        self._layers = graph.arrays
        self._best = _best_continuations(graph)
        self._orders: dict[tuple[int, int], tuple[npt.NDArray[np.intp], Floats]] = {}
        self._start = graph.start
        self.waiting: list[tuple[float, tuple[int, ...], float, int]] = []
        self._push((), 1.0, 0)

    def next(self) -> Path | None:
        """Take the best state: put its sibling and its first child on the heap; return it if it is a whole path."""
        _, tokens, weight, rank = heapq.heappop(self.waiting)
        above = tokens[:-1]
        self._push(above, self._weight(above), rank + 1)
        if len(tokens) == len(self._layers) + 1:
            return Path(tokens, weight)
        self._push(tokens, weight, 0)
        return None

    def _weight(self, tokens: tuple[int, ...]) -> float:
        if not tokens:
            return 1.0
        weight = float(self._start[tokens[0]])
        for depth, (above, below) in enumerate(pairwise(tokens)):
            weight *= float(self._layers[-1 - depth][above, below])
        return weight

    def _push(self, above: tuple[int, ...], weight: float, rank: int) -> None:
        """Put the child of rank `rank` of the path `above` on the heap, if there is one."""
        order, bounds = self._children(above)
        if rank >= len(order) or bounds[rank] <= 0:
            return
        token = int(order[rank])
        edge = self._start[token] if not above else self._layers[-len(above)][above[-1], token]
        own = weight * float(edge)
        reach = own * float(self._best[len(self._layers) - len(above)][token])
        heapq.heappush(self.waiting, (-reach, (*above, token), own, rank))

    def _children(self, above: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the tokens below the path in the order of the best path through each, and those paths' weights."""
        key = (len(above), above[-1] if above else -1)
        if key not in self._orders:
            edges = self._start if not above else self._layers[-len(above)][above[-1]]
            reach = edges * self._best[len(self._layers) - len(above)]
            order = np.argsort(-reach, kind="stable")
            self._orders[key] = order, reach[order]
        return self._orders[key]


def _best_continuations(graph: LayeredGraph) -> list[npt.NDArray[Any]]:
    """Return for levels 0 .. L, per token (N,), the weight of the best path from it down to a patch."""
    ends = np.ones(graph.grid.tokens)
    ends[: graph.grid.prefix] = 0.0
    best = [ends]
    for layer in graph.arrays:
        best.append((layer * best[-1]).max(1))
    return best
