"""Explanations by layer, by head and with the graph: one forward pass, and what single calls give."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torch import nn

from tests.literal_vit import small_vit
from tests.pipeline.test_targets import PREPROCESS, picture
from vitexplain.attention import LayeredGraph
from vitexplain.errors import UsageError
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, wrap_model
from vitexplain.pipeline import AS_THEY_ARE, BY_HEAD, BY_LAYER, VERIFIED, Request, explain, keeping_graphs
from vitexplain.result import Explanation, Target

DEPTH = 3


def model() -> LoadedModel:
    return wrap_model(small_vit(depth=DEPTH).float(), preprocess=PREPROCESS)


@pytest.fixture
def image() -> Image.Image:
    return picture()


def check_single_calls(loaded: LoadedModel, image: Image.Image, found: tuple[Explanation, ...]) -> None:
    for one in found:
        target = str(one.target.index) if isinstance(one.target, Target) else "top1"
        (alone,) = explain(loaded, image, [one.spec], target=target).explanations
        np.testing.assert_allclose(one.scores, alone.scores, rtol=1e-6, atol=1e-9)
        assert (one.layers, one.source, one.target, one.notices) == (
            alone.layers,
            alone.source,
            alone.target,
            alone.notices,
        )
        assert one.cut_layers == alone.cut_layers


def test_by_layer_gives_what_single_calls_give(image: Image.Image) -> None:
    loaded = model()
    methods = parse_methods(["raw", "rollout:discard=0.3", "flow", "flow:layers=2:3", "random"])
    found = explain(loaded, image, Request(methods, variants=BY_LAYER)).explanations
    assert [one.spec for one in found] == [
        *(f"raw:layers=1:{k}" for k in (1, 2, 3)),
        *(f"rollout:discard=0.3,layers=1:{k}" for k in (1, 2, 3)),
        *(f"flow:layers=1:{k}" for k in (1, 2, 3)),
        *(f"flow:layers=2:{k}" for k in (2, 3)),
        "random",
    ]
    check_single_calls(loaded, image, found)


def test_by_layer_for_several_classes_goes_class_by_class(image: Image.Image) -> None:
    loaded = model()
    methods = parse_methods(["rollout:fusion=gradient", "flow:fusion=gradient"])
    found = explain(loaded, image, Request(methods, target="1,3", variants=BY_LAYER)).explanations
    order = [(one.method, one.target.index if isinstance(one.target, Target) else None, one.layers) for one in found]
    layers = [(1, k) for k in (1, 2, 3)]
    assert order == [(name, index, at) for name in ("rollout", "flow") for index in (1, 3) for at in layers]
    check_single_calls(loaded, image, found)


def test_by_head_gives_what_single_calls_give(image: Image.Image) -> None:
    loaded = model()
    methods = parse_methods(["raw:layers=2:3", "rollout", "flow:layers=2:3"])
    found = explain(loaded, image, Request(methods, variants=BY_HEAD)).explanations
    assert [one.spec for one in found[:6]] == [
        *(f"raw:head={head},layers={k}:{k}" for k in (2, 3) for head in (0, 1)),
        *(f"rollout:head={head}" for head in (0, 1)),
    ]
    check_single_calls(loaded, image, found)


def test_the_model_runs_once(image: Image.Image) -> None:
    loaded = model()
    network: nn.Module = loaded.network.module
    passes: list[object] = []
    network.get_submodule("patch_embed").register_forward_hook(lambda *given: passes.append(given[0]))
    methods = parse_methods(["raw", "rollout", "flow"])
    graphs: list[LayeredGraph] = []
    for number, variants in enumerate((BY_LAYER, BY_HEAD, VERIFIED, keeping_graphs(graphs)), start=1):
        chosen = parse_methods(["rollout"]) if number == 4 else methods
        explain(loaded, image, Request(chosen, variants=variants))
        assert len(passes) == number
    assert [len(graph.layers) for graph in graphs] == [DEPTH]


def test_a_verified_flow_is_the_flow_and_says_how_many_were_checked(image: Image.Image) -> None:
    loaded, methods = model(), parse_methods(["flow", "rollout"])
    (plain, _), (verified, other) = (
        explain(loaded, image, Request(methods, variants=variants)).explanations for variants in (AS_THEY_ARE, VERIFIED)
    )
    np.testing.assert_array_equal(verified.scores, plain.scores)
    assert (verified.spec, verified.statistics["verified"]) == ("flow", plain.scores.size)
    assert "verified" not in {**plain.statistics, **other.statistics}
    with pytest.raises(UsageError, match=r"`verify=` has no effect: .* is a flow; add `methods=flow`"):
        Request(parse_methods(["rollout"]), variants=VERIFIED)
