"""Attention to pooled keys from pooled queries: the layer as plain loops over tokens have it."""

from __future__ import annotations

import pytest
import torch

from vitexplain.attention import Mixing, PooledKeys
from vitexplain.networks.merged_patches import beside_itself, convolved
from vitexplain.tokens import TokenGrid

BELOW = TokenGrid(1, 5, 4, class_token=True)


def shares(stride: int) -> torch.Tensor:
    """Return which part each token above a 3 x 3 convolution has of those below, half of it itself at stride 1."""
    rows, cols = -(-BELOW.rows // stride), -(-BELOW.cols // stride)
    made = torch.zeros(1 + rows * cols, BELOW.tokens, dtype=torch.float64)
    made[0, 0] = 1
    for row in range(rows):
        for col in range(cols):
            under = [
                (r, c)
                for r in range(row * stride - 1, row * stride + 2)
                for c in range(col * stride - 1, col * stride + 2)
                if 0 <= r < BELOW.rows and 0 <= c < BELOW.cols
            ]
            for r, c in under:
                made[1 + row * cols + col, 1 + r * BELOW.cols + c] = 1 / len(under)
    if stride == 1:
        made = (made + torch.eye(BELOW.tokens, dtype=torch.float64)) / 2
    return made


@pytest.mark.parametrize("stride", [1, 2])
def test_what_pooled_queries_read_and_continue(stride: int) -> None:
    keys = convolved(BELOW, 3, 2, 1)
    skip = beside_itself(BELOW, 3, 1) if stride == 1 else convolved(BELOW, 3, stride, 1)
    place = PooledKeys(keys, skip=skip)
    continued, of_key = shares(stride), shares(2)
    assert place.call == (1, len(continued), len(of_key))
    generator = torch.Generator().manual_seed(0)
    fused = torch.randn(2, *place.call[1:], dtype=torch.float64, generator=generator).softmax(-1)
    layer = place.layer(fused, Mixing(0.3, dtype=torch.float64))
    expected = 0.7 * fused @ of_key + 0.3 * continued
    torch.testing.assert_close(layer.matrix, expected)
    rows = torch.rand(2, len(continued), dtype=torch.float64, generator=generator)
    torch.testing.assert_close(layer.pass_down(rows), (rows[:, None] @ expected)[:, 0])
    torch.testing.assert_close(layer.of_image(1).matrix, expected[1:])
