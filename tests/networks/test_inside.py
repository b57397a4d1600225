"""Where transformers lie in a module, and which parts of a module a twin replaces."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any

import torch
from torch import nn

from tests.models.around import Pair, Wrapper
from tests.models.small import tiny
from vitexplain.networks.inside import transformers_inside
from vitexplain.networks.twin import twin_of


def test_paths_those_nearest_the_top_first_each_name_of_a_part() -> None:
    assert [path for path, _ in transformers_inside(nn.Sequential(Wrapper(Wrapper()), Pair(both=True)))] == [
        "1.student",
        "1.teacher",
        "0.model.model",
    ]
    twice = Wrapper()
    twice.net = twice.model
    assert [path for path, _ in transformers_inside(twice)] == ["model", "net"]
    assert [path for path, _ in transformers_inside(tiny())] == [""]
    assert not list(transformers_inside(nn.Linear(2, 2)))


def test_a_twin_sees_calls_and_leaves_the_module_alone() -> None:
    module = Wrapper()
    first = module.get_submodule("model.blocks.0")
    before = dict(vars(first))
    seen: list[Any] = []

    def keep(forward: Any, *args: Any) -> Any:
        seen.append(args[0].shape)
        return forward(*args) * 0

    twin = twin_of(module, {"model.blocks.0": keep, "model.blocks.1": lambda _forward, entering: entering})
    pixels = torch.randn(1, 3, 32, 32)
    expected = module(pixels)
    assert not torch.equal(twin(pixels), expected) and seen == [torch.Size([1, 17, 64])]
    assert torch.equal(module(pixels), expected) and len(seen) == 1
    assert dict(vars(first)) == before


def test_a_forward_put_in_the_classs_place_runs_in_the_twin() -> None:
    for put in (lambda network: network.forward, lambda network: partial(type(network).forward, network)):
        network = tiny()
        network.forward = put(network)
        twin = twin_of(network, {"blocks.1": lambda _forward, entering: entering * 0})
        assert torch.equal(twin(torch.randn(1, 3, 32, 32)), twin(torch.zeros(1, 3, 32, 32)))


def test_twins_need_no_garbage_collector() -> None:
    gc.disable()
    try:
        twin = twin_of(tiny(), {"blocks.0": lambda forward, x: forward(x)})
        gone = weakref.ref(twin)
        del twin
        assert gone() is None
    finally:
        gc.enable()
