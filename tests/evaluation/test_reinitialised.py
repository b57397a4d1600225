"""The re-initialised models of a run: equal to those made one by one, in the memory of one more model (a second)."""

from __future__ import annotations

import torch

from tests.evaluation.small_images import tiny_loaded
from vitexplain.evaluation.randomised import randomised
from vitexplain.evaluation.reinitialised import Reinitialised


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
