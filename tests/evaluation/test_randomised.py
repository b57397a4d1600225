"""Models re-initialised from some layer upwards: which weights change, and that the model is left alone (a second)."""

from __future__ import annotations

import torch

from tests.evaluation.small_images import tiny_loaded
from vitexplain.evaluation.randomised import randomised


def changed(before: torch.nn.Module, after: torch.nn.Module) -> set[str]:
    pairs = zip(before.named_parameters(), after.named_parameters(), strict=True)
    return {name for (name, old), (_, new) in pairs if not torch.equal(old, new)}


def test_layers_from_the_given_one_upwards() -> None:
    model = tiny_loaded()
    upper = changed(model.network.module, randomised(model, 2, seed=0).network.module)
    assert {name.split(".")[0] for name in upper} == {"blocks", "head"}
    assert all(name.startswith(("blocks.1.", "head.")) for name in upper)
    both = changed(model.network.module, randomised(model, 1, seed=0).network.module)
    assert upper < both and any(name.startswith("blocks.0.") for name in both)


def test_each_parameter_keeps_its_entries_and_its_draw() -> None:
    model = tiny_loaded()
    upper, both = (randomised(model, layer, seed=0).network.module for layer in (2, 1))
    for (name, old), (_, new) in zip(model.network.module.named_parameters(), both.named_parameters(), strict=True):
        assert torch.equal(old.flatten().sort().values, new.flatten().sort().values), name
    assert torch.equal(upper.get_parameter("head.weight"), both.get_parameter("head.weight"))
    other = randomised(model, 2, seed=1).network.module
    assert not torch.equal(upper.get_parameter("head.weight"), other.get_parameter("head.weight"))


def test_the_model_stays_as_it_was() -> None:
    model = tiny_loaded()
    before = {name: parameter.clone() for name, parameter in model.network.module.named_parameters()}
    assert randomised(model, 1, seed=0).network.module is not model.network.module
    assert all(torch.equal(before[name], parameter) for name, parameter in model.network.module.named_parameters())
