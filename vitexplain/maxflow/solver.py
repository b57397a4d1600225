"""The solver for what the sweep leaves over: OR-tools' push-relabel on whole numbers, one sink after the other.

Capacities are rounded down to multiples of a power of two so small that all that leaves the source fits 62 bits. The
graph is built once for a network; from sink to sink only the capacities of the edges of layer 1 change. The minimum
cut that comes with each flow is measured in float64 on the original graph, and so certifies the flow. Its source side
holds the tokens that the source still reaches in the residual graph: it is the minimum cut nearest the source.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from ortools.graph.python.max_flow import SimpleMaxFlow

from vitexplain.maxflow.cut import Cuts
from vitexplain.maxflow.network import Network

_SOURCE, _SINK, _FIRST_TOKEN = 0, 1, 2
_BITS = 62


class Solver:
    """The whole-number copy of one network, ready to be solved for one sink at a time."""

    def __init__(self, network: Network) -> None:
        """Copy `network` (on the CPU) to whole numbers."""
        self._network = network
        self._levels = [layer.shape[0] for layer in network.layers]
        self._offsets = _FIRST_TOKEN + np.concatenate([[0], np.cumsum(self._levels)])
        start = network.start.cpu().numpy()
        self._layers = [layer.cpu().numpy() for layer in network.layers]
        total = float(start.sum())
        self.unit = 2.0 ** (np.ceil(np.log2(total)) - _BITS + 1) if total > 0 else 1.0
        self._graph = SimpleMaxFlow()
        self._start_arcs = self._add(np.zeros(len(start), int), self._tokens(self.depth), start)
        self._arcs: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.int64]]] = []
        for level in range(2, self.depth + 1):
            above, below = self._layers[level - 1].nonzero()
            capacity = self._layers[level - 1][above, below]
            arcs = self._add(self._tokens(level)[above], self._tokens(level - 1)[below], capacity)
            self._arcs.append((above, below, arcs))
        ends = np.full(self._levels[0], _SINK)
        self._last_arcs = self._add(self._tokens(1), ends, np.zeros(self._levels[0]))

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self._levels)

    def flow(self, sink: int) -> float:
        """Solve for `sink` and return the value of its maximum flow, from below, within rounding."""
        self._graph.set_arcs_capacity(self._last_arcs, self._whole(self._layers[0][:, sink]))
        status = self._graph.solve(_SOURCE, _SINK)
        if status != self._graph.OPTIMAL:
            raise RuntimeError(f"OR-tools found no maximum flow for sink {sink}: status {status}")
        return float(self._graph.optimal_flow()) * self.unit

    def near(self) -> list[npt.NDArray[np.bool_]]:
        """Return, for the sink solved last, which tokens (N_l,) of levels 1 .. L the source still reaches."""
        reached = np.zeros(self._offsets[-1], dtype=bool)
        reached[self._graph.get_source_side_min_cut()] = True
        sides = [reached[self._tokens(level)] for level in range(1, self.depth + 1)]
        if self._network.source_is_token:
            sides[-1][:] = True
        return sides

    def edges(self, sink: int) -> tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
        """Return the flow on the edges of layers 1 .. L [(N_l, N_{l-1})] and on the source's edges (N_L,)."""
        bottom = np.zeros_like(self._layers[0])
        bottom[:, sink] = self._flows(self._last_arcs)
        flows = [bottom]
        for layer, (above, below, arcs) in zip(self._layers[1:], self._arcs, strict=True):
            flow = np.zeros_like(layer)
            flow[above, below] = self._flows(arcs)
            flows.append(flow)
        return flows, self._flows(self._start_arcs)

    def _tokens(self, level: int) -> npt.NDArray[np.int64]:
        return np.arange(self._offsets[level - 1], self._offsets[level])

    def _whole(self, capacity: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        limit = 2.0 ** (_BITS - 1)
        return np.floor(np.minimum(capacity / self.unit, limit)).astype(np.int64)

    def _add(
        self, tails: npt.NDArray[np.int64], heads: npt.NDArray[np.int64], capacity: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        arcs: npt.NDArray[np.int64] = self._graph.add_arcs_with_capacity(tails, heads, self._whole(capacity))
        return arcs

    def _flows(self, arcs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        flows: npt.NDArray[np.float64] = self._graph.flows(arcs).astype(np.float64) * self.unit
        return flows


def solve(network: Network, sinks: Iterable[int]) -> tuple[torch.Tensor, Cuts]:
    """Return the flow's value (S,) from below and the minimum cut nearest the source for each of S `sinks`."""
    solver, numbers = Solver(network), list(sinks)
    values, sides = [], []
    for sink in numbers:
        values.append(solver.flow(sink))
        sides.append(solver.near())
    device = network.start.device
    near = tuple(torch.from_numpy(np.stack(level)).to(device) for level in zip(*sides, strict=True))
    flows = torch.tensor(values, dtype=torch.float64, device=device)
    return flows, Cuts(torch.tensor(numbers, device=device), near)
