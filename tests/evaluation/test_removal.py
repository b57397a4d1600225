"""Deletion, insertion and SaCo against literal versions on a tiny network (two seconds)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.evaluation.small_images import pictures, question, tiny_loaded
from tests.literal_vit import small_pixels, small_vit
from vitexplain.errors import ModelError
from vitexplain.evaluation.removal import area, coefficient, ranked, removal_curves, saco
from vitexplain.evaluation.sources import pixels_of
from vitexplain.forward_pass import ForwardPass
from vitexplain.models import wrap_model

TARGET = 3


@pytest.fixture
def forward_pass(tmp_path: Path) -> ForwardPass:
    model = tiny_loaded()
    (source,) = pictures(tmp_path, 1)
    pixels = pixels_of(source.read(), source.path, model, question("raw"))
    return ForwardPass(model, pixels, ()).for_target(torch.tensor([TARGET]))


def literal_probability(forward_pass: ForwardPass, removed: Sequence[int]) -> float:
    """The target's probability with the given patches of 8 x 8 pixels in the view's mean colour."""
    pixels = forward_pass.pixels.clone()
    for patch in removed:
        top, left = 8 * (patch // 4), 8 * (patch % 4)
        for channel in range(3):
            pixels[0, channel, top : top + 8, left : left + 8] = forward_pass.pixels[0, channel].mean()
    with torch.inference_mode():
        return float(forward_pass.model.network(pixels).softmax(-1)[0, TARGET])


def scores() -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=16)


def test_curves(forward_pass: ForwardPass) -> None:
    order = ranked(scores(), 0, "image")
    found = removal_curves(forward_pass, order, steps=5, fill="mean")
    best = sorted(range(16), key=lambda patch: -scores()[patch])
    assert list(order) == best
    for step, count in enumerate((0, 3, 6, 10, 13, 16)):
        assert found[0, step] == pytest.approx(literal_probability(forward_pass, best[:count]), abs=1e-6)
        assert found[1, step] == pytest.approx(literal_probability(forward_pass, best[count:]), abs=1e-6)


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


def test_saco(forward_pass: ForwardPass) -> None:
    best = sorted(range(16), key=lambda patch: -scores()[patch])
    groups = [best[start : start + 4] for start in range(0, 16, 4)]
    whole = literal_probability(forward_pass, [])
    drops = [whole - literal_probability(forward_pass, group) for group in groups]
    salience = [float(sum(scores()[patch] for patch in group)) for group in groups]
    found = saco(forward_pass, scores(), ranked(scores(), 0, "image"), groups=4, fill="mean")
    assert found == pytest.approx(literal_saco(salience, drops), abs=1e-6)


def test_saco_never_asks_what_is_left_without_any_patch() -> None:
    network = small_vit(global_pool="avg", class_token=False, fc_norm=False)
    model = wrap_model(network.float())
    forward_pass = ForwardPass(model, small_pixels(1).float(), ()).for_target(torch.tensor([TARGET]))
    order = np.arange(9)[::-1]
    assert abs(saco(forward_pass, np.arange(9.0), order, groups=3, fill="drop")) <= 1
    with pytest.raises(ModelError, match="no finite probability without patches"):
        removal_curves(forward_pass, order, steps=3, fill="drop")


def test_saco_at_its_ends() -> None:
    salience = np.array([3.0, 2.0, 1.0])
    assert coefficient(salience, np.array([0.3, 0.2, 0.1])) == 1
    assert coefficient(salience, np.array([0.1, 0.2, 0.3])) == -1
    assert np.isnan(coefficient(np.ones(3), np.array([0.1, 0.2, 0.3])))


def test_ties_are_drawn_for_each_image() -> None:
    tied = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    orders = {tuple(ranked(tied, 0, str(image))) for image in range(20)}
    assert len(orders) > 10
    assert {order[0] for order in orders} == {7} and {order[-1] for order in orders} == {0}
    assert list(ranked(tied, 0, "0")) == [7, 6, 4, 1, 3, 2, 5, 0]


def test_area_is_the_trapezoidal_rule() -> None:
    curve = np.array([1.0, 0.5, 0.25, 0.0])
    assert area(curve) == pytest.approx(np.trapezoid(curve, dx=1 / 3))
