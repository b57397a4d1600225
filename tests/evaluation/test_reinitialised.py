"""Models re-initialised from some layer upwards: which weights change, which are shared, and the model itself stays."""

from __future__ import annotations

import torch

from tests.evaluation.small_images import tiny_loaded
from vitexplain.evaluation.reinitialised import Reinitialised, randomised


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


def test_equal_to_those_made_one_by_one_and_made_once() -> None:
    model = tiny_loaded()
    models = Reinitialised(model, seed=3)
    for layer in (2, 1):
        alone = randomised(model, layer, seed=3).network.module.state_dict()
        for name, tensor in models.at(layer).network.module.state_dict().items():
            assert torch.equal(tensor, alone[name]), name
        assert models.at(layer) is models.at(layer)


def test_all_together_hold_one_more_set_of_weights() -> None:
    model = tiny_loaded()
    models = Reinitialised(model, seed=0)
    networks = [model.network.module, *(models.at(layer).network.module for layer in (2, 1))]
    for name, parameter in model.network.module.named_parameters():
        places = {network.get_parameter(name).data_ptr() for network in networks}
        equal = torch.equal(parameter, networks[-1].get_parameter(name))
        assert len(places) == (1 if equal else 2), name
