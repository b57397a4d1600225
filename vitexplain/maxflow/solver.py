"""The solver for the remaining sinks: OR-tools' push-relabel on whole numbers, in a part of the graph.

Capacities are rounded down to multiples of a power of two, small enough that all that leaves the source fits 61 bits.
A flow found for them is one of the original graph, and what rounding costs is part of the gap that is reported. A flow
needs few of the edges, so the solver starts with the strongest ones and solves there. The minimum cut it finds
is then laid through the whole graph: if no edge outside the part crosses it, flow and cut are those of the whole graph.
Otherwise the edges that cross it join the part, and it is solved again: after a bounded number of rounds the whole
graph takes part. What was added for one sink stays for the next ones.

The source side of the cut holds the tokens that the source still reaches by residual capacity (in the whole graph,
too, as no missing edge leaves it): it is the minimum cut nearest the source. Its capacity, measured in float64 on
the original graph, certifies the flow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ortools.graph.python.max_flow import SimpleMaxFlow

from vitexplain.maxflow.forward import EPS, Forward

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_SOURCE, _SINK, _FIRST_TOKEN = 0, 1, 2
_BITS = 61
"""All that leaves the source fits this many bits: fewer round more coarsely, more overflow OR-tools' sums."""
_FEW_EDGES = 60_000
"""A graph of at most this many edges takes part as a whole: choosing edges would take longer than it saves."""
_STRONGEST = 2
"""This many edges of each row and of each column take part from the start: one is the skip connection's, and with more
each solution takes longer than the rounds they save ..."""
_BUSIEST = 3
"""... and all edges out of this many tokens of each level, those of the largest rollout mass: most flow goes there.

For each sink all edges into its strongest path take part, too (the strongest edge up, and so on).
"""
_CROWDED = 1.0
"""Once more than this many times the first edges have joined them, the next sink starts again from the first edges:
a larger graph takes fewer rounds, each of which takes longer."""
_ROUNDS = 8
"""After this many rounds the whole graph takes part: one round is cheaper than the whole, all together are not."""


class Solver:
    """The whole-number copy of one problem, solved for one sink after the other."""

    def __init__(self, forward: Forward) -> None:
        """Copy the problem of `forward` to the CPU and choose the edges to start with."""
        problem = forward.problem
        self._layers = [layer.cpu().numpy() for layer in problem.layers]
        self._start = problem.start.cpu().numpy()
        self._source_is_token = problem.source_is_token
        self._offsets = _FIRST_TOKEN + np.concatenate([[0], np.cumsum([len(layer) for layer in self._layers])])
        exponent = np.ceil(np.log2(forward.total)) if forward.total > 0 else 0
        self.unit = float(np.exp2(np.maximum(exponent - _BITS, -1020)))
        self._limit = 2**_BITS
        self._edges = [layer > 0 for layer in self._layers[1:]]
        self._counts = [int(np.count_nonzero(edges)) for edges in self._edges]
        first = self._edges
        if sum(self._counts) > _FEW_EDGES:
            parts = zip(self._edges, self._layers[1:], forward.mass[1:], strict=True)
            first = [edges & _strong_edges(layer, mass.cpu().numpy()) for edges, layer, mass in parts]
        self._first_edges = [edges.nonzero() for edges in first]
        self._begin()

    def _begin(self) -> None:
        """Start a new graph with the first edges alone."""
        self._graph = SimpleMaxFlow()
        top, bottom = self._tokens(len(self._layers)), self._tokens(1)
        self._start_arcs = self._add(np.full_like(top, _SOURCE), top, self._start)
        self._last_arcs = self._add(bottom, np.full_like(bottom, _SINK), np.zeros(len(bottom)))
        self._grown = 0
        self._absent, self._missing = [edges.copy() for edges in self._edges], list(self._counts)
        self._arcs: list[list[tuple[Integers, Integers, Integers]]] = [[] for _ in self._absent]
        for level, (above, below) in enumerate(self._first_edges, 2):
            self._join(level, above, below)
        self._grown = 0

    def solve(self, sink: int, guess: list[Bools] | None = None, enough: float = np.inf) -> tuple[float, list[Bools]]:
        """Return the value of the maximum flow to `sink`, from below within rounding, and its cut nearest the source.

        The cut is given as the tokens (N_l,) bool on the source's side of levels 1 .. L. `guess`: a cut of the same
        form that may be minimal; the edges that cross it then take part from the start. `enough`: the capacity of a cut
        that is known; a flow of that value is returned without a cut (an empty list).
        """
        if self._grown > _CROWDED * sum(len(above) for above, _ in self._first_edges):
            self._begin()
        self._graph.set_arcs_capacity(self._last_arcs, self._whole(self._layers[0][:, sink]))
        self._join_strongest_path(sink)
        if guess is not None:
            self._join_crossing(guess)
        for attempt in range(_ROUNDS + 1):
            status = self._graph.solve(_SOURCE, _SINK)
            if status != self._graph.OPTIMAL:
                raise RuntimeError(f"OR-tools found no maximum flow for sink {sink}: status {status}")
            value = float(self._graph.optimal_flow()) * self.unit
            near: list[Bools] = [] if value >= enough * (1 - EPS) else self._near()
            if not near or not self._join_crossing(near):
                break
            if attempt == _ROUNDS - 1:
                for level, absent in enumerate(self._absent, 2):
                    self._join(level, *absent.nonzero())
        return value, near

    def edges(self, sink: int) -> tuple[list[Floats], Floats]:
        """Return the flow solved last, for `sink`, on layers 1 .. L [(N_l, N_{l-1})] and the source's edges (N_L,)."""
        flows = [np.zeros_like(layer) for layer in self._layers]
        flows[0][:, sink] = self._flows(self._last_arcs)
        for flow, batches in zip(flows[1:], self._arcs, strict=True):
            for above, below, arcs in batches:
                flow[above, below] = self._flows(arcs)
        return flows, self._flows(self._start_arcs)

    def _near(self) -> list[Bools]:
        reached = np.zeros(self._offsets[-1], dtype=bool)
        reached[self._graph.get_source_side_min_cut()] = True
        sides = [reached[self._tokens(level)] for level in range(1, len(self._layers) + 1)]
        if self._source_is_token:
            sides[-1][:] = True
        return sides

    def _join_strongest_path(self, sink: int) -> None:
        """Let all edges into the strongest path up from `sink` take part: most of its flow comes along them."""
        token = sink
        for level, layer in enumerate(self._layers, 1):
            if level > 1 and self._missing[level - 2]:
                above = self._absent[level - 2][:, token].nonzero()[0]
                self._join(level, above, np.full_like(above, token))
            token = int(layer[:, token].argmax())

    def _join_crossing(self, near: list[Bools]) -> int:
        """Let the edges that lead out of the side `near` take part; return how many did not yet."""
        joined = 0
        for level in range(2, len(self._layers) + 1):
            above, below = near[level - 1].nonzero()[0], (~near[level - 2]).nonzero()[0]
            if len(above) and len(below) and self._missing[level - 2]:
                rows, columns = self._absent[level - 2][above[:, None], below].nonzero()
                joined += self._join(level, above[rows], below[columns])
        return joined

    def _join(self, level: int, above: Integers, below: Integers) -> int:
        if len(above):
            layer, absent = self._layers[level - 1], self._absent[level - 2]
            absent[above, below] = False
            self._missing[level - 2] -= len(above)
            self._grown += len(above)
            arcs = self._add(self._tokens(level)[above], self._tokens(level - 1)[below], layer[above, below])
            self._arcs[level - 2].append((above, below, arcs))
        return len(above)

    def _tokens(self, level: int) -> Integers:
        return np.arange(self._offsets[level - 1], self._offsets[level])

    def _whole(self, capacity: Floats) -> Integers:
        units: Integers = np.minimum(np.floor(capacity / self.unit), self._limit).astype(np.int64)
        return units

    def _add(self, starts: Integers, ends: Integers, capacity: Floats) -> Integers:
        arcs: Integers = self._graph.add_arcs_with_capacity(starts, ends, self._whole(capacity))
        return arcs

    def _flows(self, arcs: Integers) -> Floats:
        flows: Floats = self._graph.flows(arcs).astype(np.float64) * self.unit
        return flows


def _strong_edges(layer: Floats, mass: Floats) -> Bools:
    """Return which edges (N above, N below) to start with: the strongest of rows and columns, all of busy tokens."""
    strong = np.zeros(layer.shape, dtype=bool)
    for axis in (1, 0):
        rest = layer.copy()
        for _ in range(min(_STRONGEST, layer.shape[axis])):
            strongest = np.expand_dims(rest.argmax(axis), axis)
            np.put_along_axis(strong, strongest, True, axis)
            np.put_along_axis(rest, strongest, -1.0, axis)
    strong[np.argsort(-mass, kind="stable")[:_BUSIEST]] = True
    return strong
