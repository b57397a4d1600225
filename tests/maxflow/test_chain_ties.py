"""Chain cuts, twigs and pushes where much is equal or zero: against the solver and networkx. A few seconds."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats
from tests.maxflow.test_shallow_graphs import check_chain_cuts
from vitexplain.maxflow import layered_max_flow
from vitexplain.maxflow.chain_cuts import drain
from vitexplain.maxflow.chains import Chains
from vitexplain.maxflow.cut import Cuts
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.known_pushes import KnownPushes
from vitexplain.maxflow.network import build_network, build_networks_by_depth
from vitexplain.maxflow.proportional import Course, push
from vitexplain.maxflow.solver import Solver


def few_values(rng: np.random.Generator, above: int, below: int) -> Floats:
    """Return capacities (above, below) that are small multiples of one number, many of them 0, maybe with residual."""
    step = float(rng.choice([0.1, 1 / 3, 1]))
    layer: Floats = rng.integers(0, 5, (above, below)) * step * (rng.random((above, below)) < rng.choice([0.4, 0.8, 1]))
    if above == below and rng.random() < 0.6:
        layer += np.eye(above) * rng.integers(1, 7) * step
    return layer


@pytest.mark.parametrize("seed", range(120))
def test_chain_cuts_among_few_values_are_minimum_cuts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, depth = int(rng.integers(3, 14)), int(rng.integers(2, 6))
    layers, known = [few_values(rng, size, size) for _ in range(depth)], KnownPushes()
    source = 0 if rng.random() < 0.7 else rng.integers(0, 4, size) * 0.1
    for network in reversed(build_networks_by_depth(layers, source)):
        check_chain_cuts(network, known, nearest=False)  # Sums of tenths tie but for rounding.


@pytest.mark.parametrize("seed", range(240))
def test_of_several_minimum_cuts_the_nearest_to_the_source_is_reported(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 11, int(rng.integers(4, 7)))
    layers = [
        rng.integers(1, 5, (above, below)) * (rng.random((above, below)) < 0.35) * 1.0
        for below, above in pairwise(sizes)
    ]
    found, network = layered_max_flow(layers, 0), build_network(layers, 0)
    solver = Solver(descend(network))
    for sink in range(sizes[0]):
        value, near = solver.solve(sink)
        assert float(found.value[sink]) == pytest.approx(value, abs=1e-9)
        if value > 0 and not (found.source_limited[sink] or found.sink_limited[sink]):
            cut = Cuts(torch.tensor([sink]), tuple(torch.from_numpy(side)[None] for side in near))
            assert found.cut_layers[sink] == tuple((cut.shares(network)[0].nonzero()[:, 0] + 1).tolist())


@pytest.mark.parametrize("seed", range(60))
def test_tail_and_twig_can_take_what_is_said_to_be_room(seed: int) -> None:
    """Whatever part of the room is filled, what tokens then hold passes through tail and twig (by networkx)."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 9))
    layers = [few_values(rng, size, size) if seed % 2 else rng.random((size, size)) ** 4 for _ in range(4)]
    chains = Chains(build_network(layers, 0))
    chains.best(torch.full((size,), 1e3, dtype=torch.float64))
    sinks, level = torch.arange(size), 2
    supply = chains.row(level + 1).numpy()
    for part in (0.0, 0.5, 1.0):
        pushed = part * rng.random((size, size)) ** 0.1
        for sink in range(size):
            tail, twig = chains.ends(1, sinks, level)[sink].tolist()
            edges = {token: layers[1][:, token] for token in {tail, twig}}
            taken = sum(edges.values())
            passing = np.minimum(supply, taken)
            room, _ = drain(chains, level, sinks, torch.zeros(size, dtype=torch.float64))
            extra = room[sink].numpy() * pushed[sink]
            through = float((passing + extra).sum())
            _, wide = drain(chains, level, sinks, torch.full((size,), through, dtype=torch.float64))
            if not wide[sink]:
                continue
            graph = nx.DiGraph()
            graph.add_nodes_from(("in", "out"))
            for token in range(size):
                graph.add_edge("in", token, capacity=float(passing[token] + extra[token]))
                for end, capacity in edges.items():
                    graph.add_edge(token, ("end", end), capacity=float(capacity[token]))
            for end in edges:
                graph.add_edge(("end", end), "out", capacity=float(layers[0][end, sink]))
            assert nx.maximum_flow_value(graph, "in", "out") == pytest.approx(through, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("apart", [0, 1e-9, 1e-8, 3e-8])
def test_a_push_fits_though_two_rooms_are_nearly_alike(apart: float) -> None:
    rng = np.random.default_rng(0)
    layers = [torch.from_numpy(rng.random((6, 6))) for _ in range(2)]
    entering = [torch.from_numpy(rng.random((1, 6)) * 0.1) for _ in range(2)]
    room = torch.full((1, 6), 0.1, dtype=torch.float64)
    room[0, 1], room[0, 4] = 0.6, 0.6 * (1 + apart)
    nobody, guide = torch.zeros(1, 0, dtype=torch.long), torch.tensor([[2]])
    assert push(Course(entering, layers, [nobody], [guide], room)).fits.tolist() == [True]
