"""Graphs in which much is equal or zero, so that many cuts tie: against the solver alone. A few seconds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats, attention_graph
from tests.maxflow.test_shallow_graphs import check_every_depth
from vitexplain.maxflow import layered_max_flow
from vitexplain.maxflow.cut import Cuts
from vitexplain.maxflow.forward import sweep_forward
from vitexplain.maxflow.problem import build_problem
from vitexplain.maxflow.solver import Solver


def few_values(rng: np.random.Generator, above: int, below: int) -> Floats:
    """Return capacities (above, below) that are small multiples of one number, many of them 0, maybe with residual."""
    step = float(rng.choice([0.1, 1 / 3, 1]))
    layer: Floats = rng.integers(0, 5, (above, below)) * step * (rng.random((above, below)) < rng.choice([0.4, 0.8, 1]))
    if above == below and rng.random() < 0.6:
        layer += np.eye(above) * rng.integers(1, 7) * step
    return layer


@pytest.mark.parametrize("seed", range(120))
def test_no_flow_among_few_values_is_reported_too_large(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, depth = int(rng.integers(3, 14)), int(rng.integers(2, 6))
    layers = [few_values(rng, size, size) for _ in range(depth)]
    source: int | Floats = 0 if rng.random() < 0.7 else rng.integers(0, 4, size) * np.float64(0.1)
    check_every_depth(layers, source, cuts=False)  # Sums of tenths tie but for rounding.


@pytest.mark.parametrize("seed", range(240))
def test_of_several_minimum_cuts_the_nearest_to_the_source_is_reported(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 11, int(rng.integers(4, 7)))
    layers = [
        rng.integers(1, 5, (above, below)) * (rng.random((above, below)) < 0.35) * 1.0
        for below, above in pairwise(sizes)
    ]
    found, problem = layered_max_flow(layers, 0), build_problem(layers, 0)
    solver = Solver(sweep_forward(problem))
    for sink in range(sizes[0]):
        value, near = solver.solve(sink)
        assert float(found.value[sink]) == pytest.approx(value, abs=1e-9)
        if value > 0 and not (found.source_limited[sink] or found.sink_limited[sink]):
            cut = Cuts(torch.tensor([sink]), tuple(torch.from_numpy(side)[None] for side in near))
            assert found.cut_layers[sink] == tuple((cut.shares(problem)[0].nonzero()[:, 0] + 1).tolist())


@pytest.mark.parametrize("apart", [0, 1e-9, 1e-8, 3e-8])
@pytest.mark.parametrize("seed", range(4))
def test_edges_that_are_nearly_alike(seed: int, apart: float) -> None:
    rng = np.random.default_rng(seed)
    layers = attention_graph(rng, 12, 4, sinks=0.3, sharp=1.0)
    for layer in layers:  # Every column twice, the second time a bit larger.
        layer[:, 6:] = layer[:, :6] * (1 + apart)
    check_every_depth(layers, 0, cuts=False)
