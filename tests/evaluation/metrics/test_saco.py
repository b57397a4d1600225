"""SaCo against a literal version of its paper on a tiny network (a second)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.evaluation.literal_removal import TARGET, literal_probability, pass_of_a_picture, scores
from tests.literal_vit import small_pixels, small_vit
from vitexplain.errors import ModelError
from vitexplain.evaluation.metrics.deletion_insertion import removal_curves
from vitexplain.evaluation.metrics.saco import coefficient, saco
from vitexplain.evaluation.removal import Removals, ranked
from vitexplain.forward_pass import ForwardPass
from vitexplain.models import wrap_model


def literal_saco(salience: Sequence[float], drops: Sequence[float]) -> float:
    """Algorithm 1 of Wu et al. 2024."""
    faithfulness, total = 0.0, 0.0
    for i in range(len(salience) - 1):
        for j in range(i + 1, len(salience)):
            weight = salience[i] - salience[j]
            if drops[i] < drops[j]:
                weight = -weight
            faithfulness += weight
            total += abs(weight)
    return faithfulness / total


def test_saco(tmp_path: Path) -> None:
    forward_pass = pass_of_a_picture(tmp_path)
    best = sorted(range(16), key=lambda patch: -scores()[patch])
    groups = [best[start : start + 4] for start in range(0, 16, 4)]
    whole = literal_probability(forward_pass, [])
    drops = [whole - literal_probability(forward_pass, group) for group in groups]
    salience = [float(sum(scores()[patch] for patch in group)) for group in groups]
    found = saco(Removals(forward_pass, "mean"), scores(), ranked(scores(), 0, "image"), groups=4)
    assert found == pytest.approx(literal_saco(salience, drops), abs=1e-6)


def test_saco_never_asks_what_is_left_without_any_patch() -> None:
    network = small_vit(global_pool="avg", class_token=False, fc_norm=False)
    model = wrap_model(network.float())
    forward_pass = ForwardPass(model, small_pixels(1).float(), ()).for_target(torch.tensor([TARGET]))
    order, removals = np.arange(9)[::-1], Removals(forward_pass, "drop")
    assert abs(saco(removals, np.arange(9.0), order, groups=3)) <= 1
    with pytest.raises(ModelError, match="no finite numbers without patches"):
        removal_curves(removals, order, order, steps=3)


def test_saco_at_its_ends() -> None:
    salience = np.array([3.0, 2.0, 1.0])
    assert coefficient(salience, np.array([0.3, 0.2, 0.1])) == 1
    assert coefficient(salience, np.array([0.1, 0.2, 0.3])) == -1
    assert np.isnan(coefficient(np.ones(3), np.array([0.1, 0.2, 0.3])))
