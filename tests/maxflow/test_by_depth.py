"""Flow by layer on deep, sharp graphs: every depth equals a flow of its own (three seconds)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vitexplain.maxflow import layered_max_flow, layered_max_flow_by_layer


def sharp(seed: int) -> Tensor:
    """Layers of sharp attention, half of them with most entries dropped and a skip connection."""
    drawn = torch.Generator().manual_seed(seed)
    tokens, layers = (int(torch.randint(low, high, (1,), generator=drawn)) for low, high in ((4, 14), (6, 11)))
    attention = (torch.randn(layers, tokens, tokens, generator=drawn, dtype=torch.float64) * (1 + seed % 6)).softmax(-1)
    if seed % 2:
        smallest = attention.flatten(1).quantile(0.9, dim=1)[:, None, None]
        attention = attention.where(attention >= smallest, 0)
        attention = attention / attention.sum(-1, keepdim=True).clamp(min=1e-300)
        attention = (attention + torch.eye(tokens, dtype=torch.float64)) / 2
    return attention


@pytest.mark.parametrize("seed", range(24))
def test_every_depth_equals_a_single_flow(seed: int) -> None:
    layers = sharp(seed)
    source = 0 if seed % 3 else torch.full((layers.shape[1],), 1 / layers.shape[1], dtype=torch.float64)
    for depth, found in enumerate(layered_max_flow_by_layer(layers, source), 1):
        alone = layered_max_flow(layers[:depth], source)
        torch.testing.assert_close(found.value, alone.value, rtol=1e-9, atol=1e-12)
        assert found.cut_layers == alone.cut_layers
        assert torch.equal(found.source_limited, alone.source_limited)
        assert torch.equal(found.sink_limited, alone.sink_limited)
