"""Raw, rollout and flow against literal versions of the paper: numpy products and networkx's maximum flow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests import literal
from tests.attentions import KINDS, random_attention
from tests.given_attention import forward_pass
from vitexplain.methods.flow import Flow
from vitexplain.methods.method import FusedAttentionOptions, MethodScores
from vitexplain.methods.raw import Raw
from vitexplain.methods.rollout import Rollout
from vitexplain.tokens import Readout, TokenGrid

GRID = TokenGrid(prefix=1, rows=2, cols=3)
LAYERS, HEADS, TOKENS = 3, 2, 7


def attention(kind: str, seed: int, batch: int = 2) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    return np.stack(
        [
            np.stack([random_attention(kind, generator, heads=HEADS, tokens=TOKENS) for _ in range(batch)])
            for _ in range(LAYERS)
        ]
    )


def options(seed: int) -> dict[str, object]:
    chosen: dict[str, object] = {"discard": (0.0, 0.5)[seed % 2]}
    chosen |= ({"fusion": "mean"}, {"fusion": "max"}, {"fusion": "min"}, {"head": 1})[seed % 4]
    chosen["layers"] = (None, (1, 2), (2, 3), (2, 2))[seed // 2 % 4]
    chosen["source"] = ("readout", "patch:1,2", "token:3")[seed % 3]
    return chosen


def graph(
    weights: npt.NDArray[np.float64], image: int, chosen: FusedAttentionOptions, residual: float
) -> list[literal.Matrix]:
    first, last = chosen.layers or (1, LAYERS)
    fused = [literal.fuse(layer[image], chosen.fusion, chosen.head) for layer in weights[first - 1 : last]]
    return [literal.layer(literal.discard(matrix, chosen.discard), residual) for matrix in fused]


def start(chosen: FusedAttentionOptions) -> int:
    return {"readout": 0, "patch:1,2": 1 + 5, "token:3": 3}[chosen.source]


def of(method: Raw | Rollout | Flow, weights: npt.NDArray[np.float64]) -> MethodScores:
    return method(forward_pass(weights, GRID, method.fusions))


SOFTMAX_KINDS = [kind for kind in KINDS if kind != "zero-rows"]  # no softmax has a zero row


@pytest.mark.parametrize("kind", SOFTMAX_KINDS)
@pytest.mark.parametrize("seed", range(24))
def test_rollout_and_raw(kind: str, seed: int) -> None:
    weights = attention(kind, seed)
    rollout = Rollout(**options(seed), residual=(0.5, 0.0, 0.2)[seed % 3])  # type: ignore[arg-type]
    raw = Raw(**options(seed))  # type: ignore[arg-type]
    rolled, seen = of(rollout, weights), of(raw, weights)
    for image in range(2):
        row = np.eye(TOKENS)[start(rollout)]
        expected = literal.rollout(graph(weights, image, rollout, rollout.residual), row)
        np.testing.assert_allclose(rolled.values[image], expected[1:], atol=1e-6)
        top = graph(weights, image, raw, 0.0)[-1]
        np.testing.assert_allclose(seen.values[image], top[start(raw)][1:], atol=1e-6)
        total = expected.sum()
        if total > 0:
            assert rolled.statistics[image]["prefix_share"] == pytest.approx(expected[0] / total, abs=1e-6)


@pytest.mark.parametrize("kind", SOFTMAX_KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_flow(kind: str, seed: int) -> None:
    weights = attention(kind, seed)
    flow = Flow(**options(seed), residual=(0.5, 0.0, 0.2)[seed % 3])  # type: ignore[arg-type]
    found = of(flow, weights)
    assert found.values.dtype == np.float64
    for image in range(2):
        layers = graph(weights, image, flow, flow.residual)
        np.testing.assert_allclose(found.values[image], literal.flow(layers, start(flow))[1:], rtol=1e-9, atol=1e-12)
        assert found.statistics[image]["gap"] <= 1e-9  # type: ignore[operator]


@pytest.mark.parametrize("readout", ["mean", "mean-all", "distilled", "pool"])
@pytest.mark.parametrize("seed", range(4))
def test_sources_of_weights(readout: Readout, seed: int) -> None:
    weights = attention("soft", seed)
    prefix = 1 if readout != "distilled" else 2
    grid = TokenGrid(prefix, 1, TOKENS - prefix, class_token=readout == "distilled")
    pool = np.random.default_rng(seed).dirichlet(np.ones(TOKENS), 2)
    row = {
        "mean": np.r_[0, np.ones(6) / 6],
        "mean-all": np.ones(TOKENS) / TOKENS,
        "distilled": np.r_[0.5, 0.5, np.zeros(5)],
    }
    run = forward_pass(weights, grid, Rollout().fusions, pool if readout == "pool" else None, readout)
    rolled, flowed = Rollout()(run), Flow()(run)
    for image in range(2):
        begin = pool[image] if readout == "pool" else row[readout]
        layers = graph(weights, image, Rollout(), 0.5)
        np.testing.assert_allclose(rolled.values[image], literal.rollout(layers, begin)[prefix:], atol=1e-6)
        np.testing.assert_allclose(flowed.values[image], literal.flow(layers, begin)[prefix:], rtol=1e-9)


@pytest.mark.parametrize("kind", SOFTMAX_KINDS)
@pytest.mark.parametrize("seed", range(10))
def test_all_three_rank_patches_alike_at_layer_1(kind: str, seed: int) -> None:
    weights = attention(kind, seed, batch=1)
    methods = (Raw(layers=(1, 1)), Rollout(layers=(1, 1)), Flow(layers=(1, 1)))
    raw, rollout, flow = (of(method, weights).values[0] for method in methods)
    np.testing.assert_allclose(rollout, raw / 2, atol=1e-6)
    np.testing.assert_allclose(flow, raw / 2, atol=1e-6)


def test_direction_by_hand() -> None:
    """Token 0 reads token 1 in layer 2, token 1 reads token 2 in layer 1, and nobody reads the other way round."""
    low = np.array([[1.0, 0, 0], [0, 0, 1], [0, 0, 1]])
    high = np.array([[0.0, 1, 0], [0, 1, 0], [0, 0, 1]])
    weights = np.stack([low, high])[:, None, None]
    grid = TokenGrid(prefix=1, rows=1, cols=2)
    run = forward_pass(weights, grid, Rollout().fusions)
    assert Rollout(residual=0.0)(run).values.tolist() == [[0, 1]]
    assert Flow(residual=0.0)(run).values.tolist() == [[0, 1]]
    assert Rollout()(run).values.tolist() == [[0.25, 0.25]]
    assert Flow()(run).values.tolist() == [[0.5, 0.5]]
    assert Raw()(run).values.tolist() == [[1, 0]]
