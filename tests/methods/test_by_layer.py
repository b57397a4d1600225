"""Scores by layer are those of `run --layers 1:k`, layer by layer, whatever the source."""

from __future__ import annotations

import numpy as np
import pytest

from tests.given_attention import forward_pass
from tests.methods.test_paper import attention
from vitexplain.methods import Method, cut_off, parse_spec, scores_by_layer
from vitexplain.tokens import Readout, TokenGrid

SPECS = ["raw", "rollout", "flow", "rollout:residual=0.2,discard=0.3", "flow:head=1", "raw:fusion=max"]
LAYERS = 3


def compare_with_run(method: Method, readout: Readout = "cls", prefix: int = 1) -> None:
    weights = attention("soft", seed=3)
    grid = TokenGrid(prefix, 1, 7 - prefix, class_token=readout != "mean")
    pool = np.random.default_rng(1).dirichlet(np.ones(7), 2) if readout == "pool" else None
    run = forward_pass(weights, grid, method.fusions, pool, readout)
    found = scores_by_layer(method, run)
    assert list(found) == [1, 2, 3]
    for layer, scores in found.items():
        alone = parse_spec(f"{method.name}:layers=1:{layer}")
        cut = cut_off(method, run)[layer]
        assert cut.layers == alone.layers  # type: ignore[attr-defined]
        expected = cut(run)
        np.testing.assert_allclose(scores.values, expected.values, rtol=1e-9, atol=1e-12)
        assert scores.layers == expected.layers
        assert scores.source == expected.source
        assert scores.notices == expected.notices
        assert scores.cut_layers == expected.cut_layers


@pytest.mark.parametrize("spec", SPECS)
def test_equal_to_run_with_layers(spec: str) -> None:
    compare_with_run(parse_spec(spec))


@pytest.mark.parametrize("readout", ["mean", "mean-all", "distilled", "pool"])
@pytest.mark.parametrize("spec", ["raw", "rollout", "flow"])
def test_sources_of_weights(readout: Readout, spec: str) -> None:
    compare_with_run(parse_spec(spec), readout, prefix=2 if readout == "distilled" else 1)


@pytest.mark.parametrize("spec", ["rollout:layers=2:3", "flow:layers=2:3", "raw:layers=2:3"])
def test_a_range_is_cut_off_within_itself(spec: str) -> None:
    method = parse_spec(spec)
    run = forward_pass(attention("soft", seed=4), TokenGrid(1, 2, 3), method.fusions)
    found = scores_by_layer(method, run)
    assert list(found) == [2, 3]
    np.testing.assert_allclose(found[3].values, method(run).values, rtol=1e-9)
    assert found[2].layers == (2, 2)


def test_a_method_without_layers_is_the_same_for_all() -> None:
    method = parse_spec("random")
    run = forward_pass(attention("soft", seed=4), TokenGrid(1, 2, 3), method.fusions)
    found = scores_by_layer(method, run)
    assert list(found) == [1, 2, 3]
    assert found[1] is found[3]


def test_equal_rows_at_layer_1_with_one_class_token() -> None:
    run = forward_pass(attention("soft", seed=5), TokenGrid(1, 2, 3), parse_spec("raw").fusions)
    raw, rollout, flow = (scores_by_layer(parse_spec(name), run)[1].values for name in ("raw", "rollout", "flow"))
    np.testing.assert_allclose(rollout * 2, raw, atol=1e-6)
    np.testing.assert_allclose(flow * 2, raw, atol=1e-6)
