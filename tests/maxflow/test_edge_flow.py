"""edge_flow: the flow on every edge is feasible, as large as networkx finds, and matched by its cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.maxflow.reference import Floats, random_graph, reference_flow
from vitexplain.errors import UsageError
from vitexplain.maxflow import edge_flow, layered_max_flow
from vitexplain.maxflow.certificate import check_flow, cut_capacity


@pytest.mark.parametrize("seed", range(40))
def test_edge_flow_is_a_certified_maximum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_graph(rng)
    size = layers[-1].shape[0]
    source: int | Floats = int(rng.integers(size)) if seed % 2 else np.atleast_1d(rng.random(size))
    sink = int(rng.integers(layers[0].shape[1]))
    result = edge_flow(layers, source, sink)
    assert [flow.shape for flow in result.flow] == [layer.shape for layer in layers]
    if isinstance(source, int):
        assert result.source_flow is None
        is_source = np.arange(size) == source
        start_capacity = np.where(is_source, 1e300, 0)
        source_flow = np.where(is_source, result.flow[-1][source].sum(), 0)
    else:
        assert result.source_flow is not None
        source_flow, start_capacity = result.source_flow, source
    check = check_flow(layers, start_capacity, sink, result.flow, source_flow)
    assert check.violation <= 1e-12
    expected = reference_flow(layers, source, sink)
    assert check.value == pytest.approx(expected, rel=1e-9)
    assert result.value == pytest.approx(expected, rel=1e-9)
    cut = cut_capacity(layers, start_capacity, sink, result.source_side[1:])
    assert cut == pytest.approx(expected, rel=1e-9)
    assert result.cut_capacity == pytest.approx(expected, rel=1e-9)
    whole = layered_max_flow(layers, source)
    assert result.cut_layers == whole.cut_layers[sink]
    assert result.cut_capacity == pytest.approx(float(whole.value[sink]), rel=1e-12)


def test_edge_flow_keeps_the_kind_of_array() -> None:
    capacities = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    result = edge_flow(capacities, torch.ones(4), 2)
    assert all(isinstance(flow, torch.Tensor) for flow in (*result.flow, result.source_flow, *result.source_side))
    assert result.value == pytest.approx(float(layered_max_flow(capacities, torch.ones(4)).value[2]))


def test_a_sink_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="sink 4 does not exist: the bottom level has tokens 0 to 3"):
        edge_flow(np.ones((2, 4, 4)), 0, 4)
