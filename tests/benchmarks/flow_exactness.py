"""Every sink of every kind of graph at full size against OR-tools on the whole graph.

python -m tests.benchmarks.flow_exactness [KIND ...]

With --by-layer also every graph of layers 1 .. k. Nothing of the sweeps, the bounds or the growing solver is used on
the other side. Minutes, not seconds.
"""

from __future__ import annotations

import argparse

import numpy as np
from ortools.graph.python.max_flow import SimpleMaxFlow

from tests.benchmarks.flow_graphs import HARD, MAIN, OTHERS, Floats, make_graph
from vitexplain.maxflow import layered_max_flow, layered_max_flow_by_layer


def whole_graph_flows(layers: Floats, sinks: range) -> Floats:
    """Return the flow from token 0 at the top of `layers` (L, N, N) to each sink, in whole multiples of 2^-60."""
    depth, tokens = len(layers), layers.shape[1]
    unit = 2.0**-60
    graph = SimpleMaxFlow()
    for level in range(depth, 1, -1):
        above, below = layers[level - 1].nonzero()
        if level == depth:
            above, below = above[above == 0], below[above == 0]
        capacity = np.floor(layers[level - 1][above, below] / unit).astype(np.int64)
        graph.add_arcs_with_capacity(level * tokens + above, (level - 1) * tokens + below, capacity)
    ends = np.full(tokens, 0)
    last = graph.add_arcs_with_capacity(tokens + np.arange(tokens), ends, np.zeros(tokens, np.int64))
    flows = []
    for sink in sinks:
        graph.set_arcs_capacity(last, np.floor(layers[0][:, sink] / unit).astype(np.int64))
        if graph.solve(depth * tokens, 0) != graph.OPTIMAL:
            raise RuntimeError(f"no maximum flow found for sink {sink}")
        flows.append(graph.optimal_flow() * unit)
    return np.array(flows)


def largest_difference(found: Floats, layers: Floats) -> float:
    """Return the largest relative difference between `found` (N,) and the flows of the whole graph."""
    expected = whole_graph_flows(layers, range(layers.shape[1]))
    error = np.abs(found - expected) / np.maximum(expected, 1e-300)
    error[(expected == 0) & (found == 0)] = 0
    return float(error.max())


def main() -> None:
    """Print for each kind the largest relative difference over all sinks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[*MAIN, *HARD, *OTHERS])
    parser.add_argument("--tokens", type=int, default=197)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--by-layer", action="store_true")
    options = parser.parse_args()
    for kind in options.kinds:
        for seed in range(options.seeds):
            layers = make_graph(kind, options.depth, options.tokens, seed)
            flow = layered_max_flow(layers, 0)
            error = largest_difference(flow.value, layers)
            print(f"{kind:12} seed {seed}: largest difference {error:.1e}, left {flow.left_to_solver}", flush=True)
            for depth, shallower in enumerate(layered_max_flow_by_layer(layers, 0) if options.by_layer else (), 1):
                error = largest_difference(shallower.value, layers[:depth])
                print(f"  layers 1..{depth:<2}: {error:.1e}, left {shallower.left_to_solver}", flush=True)


if __name__ == "__main__":
    main()
