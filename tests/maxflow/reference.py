"""Small random layered graphs, and their maximum flows by networkx, literally, edge by edge."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROWS = ("dense", "stochastic", "one-hot", "few levels", "sparse", "wide range", "zero rows", "residual")


def random_layer(rng: np.random.Generator, above: int, below: int, kind: str) -> Floats:
    """Return capacities (above, below) of one of the kinds in ROWS, or "nothing", or "huge range"."""
    layer: Floats = rng.random((above, below))
    if kind in ("stochastic", "residual"):
        layer = np.exp(3 * rng.standard_normal((above, below)))
        layer /= layer.sum(1, keepdims=True)
    if kind == "residual" and above == below:
        layer = 0.5 * layer + 0.5 * np.eye(above)
    if kind == "one-hot":
        layer = np.zeros((above, below))
        layer[np.arange(above), rng.integers(0, below, above)] = 1
    if kind == "few levels":
        layer = rng.integers(0, 4, (above, below)) / 4
    if kind == "sparse":
        layer[rng.random(layer.shape) < 0.7] = 0
    if kind == "wide range":
        layer = 10.0 ** rng.uniform(-6, 0, (above, below))
    if kind == "huge range":
        layer = 10.0 ** rng.uniform(-12, 6, (above, below))
    if kind == "nothing":
        layer[:] = 0
    if kind == "zero rows":
        layer[rng.random(above) < 0.4] = 0
    return layer


def attention_graph(rng: np.random.Generator, tokens: int, depth: int, *, sinks: float, sharp: float) -> list[Floats]:
    """Return `depth` layers of softmax attention plus residual, a share `sinks` of it on few tokens (attention sinks).

    `sharp`: standard deviation of the logits.
    """
    layers = []
    for _ in range(depth):
        spread = np.exp(sharp * rng.standard_normal((tokens, tokens)))
        spread /= spread.sum(1, keepdims=True)
        strong = np.zeros(tokens)
        strong[rng.choice(tokens, max(1, tokens // 10), replace=False)] = 1
        mixed = (1 - sinks) * spread + sinks * strong / strong.sum()
        layers.append(0.5 * mixed + 0.5 * np.eye(tokens))
    return layers


def random_graph(rng: np.random.Generator, square: bool = False) -> list[Floats]:
    """Return 1 to 5 layers between levels of 1 to 7 tokens (all of one size if `square`), each layer of any kind."""
    depth = int(rng.integers(1, 6))
    sizes = rng.integers(1, 8, depth + 1)
    if square:
        sizes[:] = sizes[0]
    return [random_layer(rng, sizes[layer + 1], sizes[layer], str(rng.choice(ROWS))) for layer in range(depth)]


def digraph(layers: list[Floats], source: int | Floats) -> Any:
    """Return the networkx graph of `layers` with nodes (level, token) and "source"."""
    graph = nx.DiGraph()
    top, sizes = len(layers), [layers[0].shape[1], *(layer.shape[0] for layer in layers)]
    graph.add_node("source")
    graph.add_nodes_from((level, token) for level, size in enumerate(sizes) for token in range(size))
    if isinstance(source, int):
        graph.add_edge("source", (top, source))
    else:
        graph.add_edges_from(("source", (top, i), {"capacity": float(w)}) for i, w in enumerate(source) if w > 0)
    for level, layer in enumerate(layers, 1):
        for above, below in np.argwhere(layer > 0).tolist():
            graph.add_edge((level, above), (level - 1, below), capacity=float(layer[above, below]))
    return graph


def reference_flow(layers: list[Floats], source: int | Floats, sink: int) -> float:
    """Return the value of the maximum flow from `source` to token `sink` at the bottom, by networkx."""
    return float(nx.maximum_flow_value(digraph(layers, source), "source", (0, sink)))
