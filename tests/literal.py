"""Slow, literal versions of the papers' formulas in numpy and networkx: what the package is compared with."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def fuse(weights: Matrix, fusion: str = "mean", head: int | None = None) -> Matrix:
    """Heads (H, N, N) as one matrix (N, N)."""
    if head is not None:
        return np.asarray(weights[head])
    result: Matrix = {"mean": np.mean, "max": np.max, "min": np.min}[fusion](weights, axis=0)  # type: ignore[operator]
    return result


def discard(fused: Matrix, fraction: float) -> Matrix:
    """The floor(fraction N N) smallest entries as 0, one after the other, the diagonal left alone."""
    size = len(fused)
    order = sorted((fused[i, j], i, j) for i in range(size) for j in range(size))
    kept: Matrix = fused.copy()
    for _, i, j in order[: math.floor(fraction * size * size)]:
        if i != j:
            kept[i, j] = 0.0
    return kept


def layer(fused: Matrix, residual: float) -> Matrix:
    """(1 - r) F + r I with rows of F divided by their own sum first, and rows of the result once more."""
    size = len(fused)
    result = np.zeros((size, size))
    for i in range(size):
        total = sum(fused[i])
        row = [value / total if total > 0 else 0.0 for value in fused[i]]
        mixed = [(1 - residual) * value + residual * (i == j) for j, value in enumerate(row)]
        total = sum(mixed)
        result[i] = [value / total if total > 0 else 0.0 for value in mixed]
    return result


def rollout(layers: list[Matrix], start: Matrix) -> Matrix:
    """The row `start` times the product of all layers, layers[0] nearest the image."""
    product = np.eye(len(layers[0]))
    for matrix in layers:
        product = matrix @ product
    result: Matrix = start @ product
    return result


def flow(layers: list[Matrix], start: int | Matrix) -> Matrix:
    """For every bottom token the value of networkx's maximum flow, each by itself, from a token or by weights."""
    sinks, starts = layers[0].shape[1], layers[-1].shape[0]
    graph = nx.DiGraph()
    graph.add_node("source")
    graph.add_nodes_from((0, token) for token in range(sinks))
    top = len(layers)
    for token in range(starts):
        if isinstance(start, int):
            if token == start:
                graph.add_edge("source", (top, token))  # no capacity: unbounded
        elif start[token] > 0:
            graph.add_edge("source", (top, token), capacity=start[token])
    for index, matrix in enumerate(layers):
        for i in range(matrix.shape[0]):
            for j in range(matrix.shape[1]):
                if matrix[i, j] > 0:
                    graph.add_edge((index + 1, i), (index, j), capacity=matrix[i, j])
    return np.array([nx.maximum_flow_value(graph, "source", (0, sink)) for sink in range(sinks)])
