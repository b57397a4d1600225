"""Joining: a class token that enters late; the layer as plain loops over tokens have it."""

from __future__ import annotations

import pytest
import torch

from vitexplain.attention import Joining, Mixing


@pytest.mark.parametrize("residual", [0.0, 0.3, 1.0])
def test_a_joined_token_reads_and_is_not_read(residual: float) -> None:
    generator = torch.Generator().manual_seed(0)
    fused = torch.randn(2, 5, 5, dtype=torch.float64, generator=generator).softmax(-1)
    place = Joining(1, 4)
    assert place.call == (1, 5, 5)
    layer = place.layer(fused, Mixing(residual, dtype=torch.float64))
    expected = torch.zeros(2, 5, 4, dtype=torch.float64)
    for image in range(2):
        for above in range(5):
            share = residual if above > 0 else 0.0
            read = fused[image, above, 1:]
            for below in range(4):
                expected[image, above, below] = (1 - share) * read[below] / read.sum()
            if above > 0:
                expected[image, above, above - 1] += share
    torch.testing.assert_close(layer.matrix, expected)
    torch.testing.assert_close(layer.matrix.sum(-1), torch.ones(2, 5, dtype=torch.float64))
    rows = torch.rand(2, 5, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(layer.pass_down(rows), (rows[:, None] @ expected)[:, 0])
    torch.testing.assert_close(layer.of_image(1).matrix, expected[1:])
    torch.testing.assert_close(place.attention(fused).matrix, fused[..., 1:])
    torch.testing.assert_close(place.share(rows), rows[:, 1:])
