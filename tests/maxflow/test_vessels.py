"""Vessels emptied in closed form, against bisection for the level. Well below a second."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitexplain.maxflow.vessels import empty_vessels


@pytest.mark.parametrize("seed", range(40))
def test_vessels_give_what_they_hold_by_full_edges_and_one_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    above, below, sinks = int(rng.choice([7, 60])), int(rng.choice([1, 2, 5, 90])), 3
    layer = torch.from_numpy(rng.random((above, below)) ** rng.choice([1, 8]) * (rng.random((above, below)) < 0.9))
    appeal = torch.from_numpy(rng.random((sinks, below)) ** rng.choice([1, 9]) * (rng.random((sinks, below)) < 0.8))
    gives = appeal @ layer.T
    usable = (appeal > 0).to(layer) @ layer.T
    amount = usable * torch.from_numpy(rng.random((sinks, above)) * 1.1)
    over = (gives > 0) & (amount / gives * appeal.amax(1, keepdim=True) > 1)
    rows, tokens = over.nonzero(as_tuple=True)
    levels, add, empty = empty_vessels(amount, appeal, gives, layer, (rows, tokens))
    for sink in range(sinks):
        expected = np.zeros(below)
        fits = True
        arriving = add[sink].clone()
        for level, token in zip(levels[rows == sink].tolist(), tokens[rows == sink].tolist(), strict=True):
            arriving += appeal[sink] * level * layer[token]
            fits &= bool(amount[sink, token] <= usable[sink, token])
            expected += emptied(layer[token].numpy(), appeal[sink].numpy(), float(amount[sink, token]))
        assert bool(empty[sink]) is fits
        assert (arriving.numpy() <= layer[tokens[rows == sink]].sum(0).numpy() * (1 + 1e-11)).all()
        closed_form = bool((levels[rows == sink] > 0).all())
        if fits and closed_form:
            np.testing.assert_allclose(arriving.numpy(), expected, rtol=1e-8, atol=1e-9 * float(amount.sum()))
        if fits:
            assert float(arriving.sum()) == pytest.approx(float(amount[sink][over[sink]].sum()), rel=1e-11)


@pytest.mark.parametrize("seed", range(200))
def test_a_vessel_that_must_fill_all_its_edges_fills_them(seed: int) -> None:
    """What it holds and the sum of its edges are equal, but for rounding."""
    rng = np.random.default_rng(seed)
    below = int(rng.integers(2, 9))
    layer = torch.from_numpy(rng.integers(0, 5, (1, below)) * float(rng.choice([0.1, 1 / 3, 1])))
    appeal = torch.from_numpy(rng.random((1, below)) * (rng.random((1, below)) < 0.7))
    gives, amount = appeal @ layer.T, (layer * (appeal > 0)).sum(1, keepdim=True)
    if gives[0, 0] > 0:
        first = torch.tensor([0])
        levels, add, empty = empty_vessels(amount, appeal, gives, layer, (first, first))
        arriving = add + levels[0] * layer * appeal
        assert not empty[0] or float(arriving.sum()) == pytest.approx(float(amount[0, 0]), rel=1e-11)
        assert (arriving <= layer * (1 + 1e-11)).all()


def test_a_sink_with_very_many_vessels_of_very_many_full_edges_is_given_up() -> None:
    layer, appeal = torch.ones(100, 100, dtype=torch.float64), torch.logspace(0, -6, 100, dtype=torch.float64)
    amount = torch.full((2, 100), 1e-3, dtype=torch.float64)
    amount[0], amount[1, 7] = 90.0, 90.0
    rows, tokens = (amount > 1).nonzero(as_tuple=True)
    gives = (appeal @ layer.T).expand(2, -1)
    levels, add, empty = empty_vessels(amount, appeal.expand(2, -1), gives, layer, (rows, tokens))
    assert empty.tolist() == [False, True]
    assert levels[-1] == 0
    assert float(add[1].sum()) == pytest.approx(90.0, rel=1e-12)
    assert float(add[1].amax()) <= 1 + 1e-12


def emptied(capacity: np.ndarray, appeal: np.ndarray, need: float) -> np.ndarray:
    """Return min(capacity, level * capacity * appeal) with the sum `need`; the level by bisection."""
    low, high = 0.0, 1e40
    for _ in range(400):
        level = (low * high) ** 0.5 if low > 0 else high * 1e-12
        low, high = (level, high) if np.minimum(1, level * appeal) @ capacity < need else (low, level)
        if low == 0 and high < 1e-12:
            break
    filled: np.ndarray = np.minimum(1, high * appeal) * capacity
    return filled
