"""Fusion, discard and residual against literal versions, on hundreds of random and degenerate attentions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import literal
from tests.attentions import KINDS, random_attention
from vitexplain.attention import Fusion, discard_smallest, mix_residual
from vitexplain.errors import UsageError


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_layers_equal_the_literal_formula(kind: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights = np.stack([random_attention(kind, generator, heads=3, tokens=7) for _ in range(2)])
    fusion = ("mean", "max", "min")[seed % 3]
    fraction, residual = (0.0, 0.3, 0.9)[seed % 3], (0.5, 0.0, 1.0, 0.3)[seed % 4]
    fused = Fusion(fusion)(torch.from_numpy(weights))  # type: ignore[arg-type]
    made = mix_residual(discard_smallest(fused, fraction), residual).matrix
    for image in range(2):
        expected = literal.layer(literal.discard(literal.fuse(weights[image], fusion), fraction), residual)
        np.testing.assert_allclose(made[image].numpy(), expected, atol=1e-12)


def test_every_image_discards_its_own_entries() -> None:
    fused = torch.tensor([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.7, 0.3]]])
    kept = discard_smallest(fused, 0.25)
    assert kept.tolist() == torch.tensor([[[0.9, 0.0], [0.2, 0.8]], [[0.5, 0.5], [0.7, 0.3]]]).tolist()


def test_equal_entries_are_discarded_in_reading_order() -> None:
    kept = discard_smallest(torch.full((1, 3, 3), 1 / 3), 4 / 9)
    assert (kept[0] > 0).tolist() == [[True, False, False], [False, True, True], [True, True, True]]


def test_a_row_without_attention_stays_zero_never_nan() -> None:
    fused = torch.tensor([[[0.0, 0.0], [0.5, 0.5]]])
    assert mix_residual(fused, 0.0).matrix.tolist() == [[[0, 0], [0.5, 0.5]]]
    assert mix_residual(fused, 0.5).matrix.tolist() == [[[1, 0], [0.25, 0.75]]]


def test_rows_are_divided_by_their_own_sum() -> None:
    # Dividing column j by the sum of row j, a known mistake, gives another matrix for this asymmetric one.
    layer = mix_residual(torch.tensor([[[3.0, 1.0], [0.0, 2.0]]]), 0.5).matrix
    assert layer.tolist() == [[[0.875, 0.125], [0.0, 1.0]]]


def test_a_head_alone_and_one_that_does_not_exist() -> None:
    weights = torch.rand(1, 2, 3, 3)
    assert torch.equal(Fusion(head=1)(weights), weights[:, 1])
    with pytest.raises(UsageError, match="head 2 does not exist: the model has heads 0 to 1"):
        Fusion(head=2)(weights)
