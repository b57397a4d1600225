"""What a method has used is freed at once: no reference cycle holds a tensor until the garbage collector comes."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.literal_vit import small_pixels, small_vit
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, parse_spec, scores_by_layer
from vitexplain.models import LoadedModel, wrap_model

SPECS = [
    *METHODS,
    "rollout:fusion=gradient",
    "flow:fusion=gradient",
    "blank-out:fill=drop",
    "attn-lrp:layers=1:2",
    "relevance:rules=libra",
]


def explain(spec: str, model: LoadedModel) -> None:
    method = parse_spec(spec)
    traced = "gradients" in method.needs
    made = ForwardPass(model, small_pixels(), method.fusions, ("a", "b"), gradients=traced)
    method(made)
    scores_by_layer(method, made)


def garbage_of(work: Callable[[], None]) -> list[str]:
    """Return the types of the tensors and modules that only a garbage collector would free after doing it twice."""
    work()  # what is imported and cached on the first call is no garbage of the next ones
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        work()
        work()
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated classes of torch warn when they are asked what they are
            return [type(each).__name__ for each in gc.garbage if isinstance(each, torch.Tensor | nn.Module)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("spec", SPECS)
def test_no_cycle_holds_a_tensor(spec: str) -> None:
    model = wrap_model(small_vit())
    assert garbage_of(lambda: explain(spec, model)) == []


def test_a_cycle_is_found() -> None:
    """The test above can fail: a function on a module that keeps the module and a tensor is seen."""

    def watch() -> None:
        module: Any = nn.Linear(2, 2)
        kept = [torch.zeros(2)]
        module.forward = lambda tokens: (module, kept, tokens)

    assert {"Linear", "Tensor"} <= set(garbage_of(watch))
