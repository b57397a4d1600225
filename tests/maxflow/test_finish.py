"""Demands given up near the source: what is then said to be proven, against the solver on the whole graph."""

from __future__ import annotations

import numpy as np
import torch

from tests.maxflow.reference import attention_graph
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.finish import finish
from vitexplain.maxflow.network import build_network
from vitexplain.maxflow.solver import Solver
from vitexplain.maxflow.sweep import sweep


def test_what_the_source_is_said_to_supply_it_can() -> None:
    new, refused = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        layers = attention_graph(rng, 24, 8, sinks=float(rng.choice([0, 0.5, 0.9])), sharp=float(rng.choice([1, 2, 4])))
        if seed % 2:
            layers = [np.where(layer >= np.quantile(layer, 0.8), layer, 0) for layer in layers]
        source = 0 if seed % 3 else rng.random(24)
        descent = descend(network := build_network(layers, source))
        solver, found = Solver(descent), sweep(descent, torch.arange(network.sinks))
        before = found.proven.clone()
        finish(descent, found, torch.ones_like(before))
        assert bool((found.proven | ~before).all())
        for sink in (~before).nonzero()[:, 0].tolist():
            reached = solver.solve(sink)[0] >= float(found.bound[sink]) * (1 - 1e-11)
            assert reached or not found.proven[sink]
            new, refused = new + bool(found.proven[sink]), refused + (not reached)
    assert new > 20 and refused > 20
