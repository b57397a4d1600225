"""A network that the user built: explained as it is, and left as it was."""

from __future__ import annotations

import pytest
import torch

from tests.models.small import tiny
from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess
from vitexplain.models import wrap_model


def test_the_users_module_stays_as_it_is_and_its_memory_is_shared() -> None:
    network = tiny().train()
    network.blocks[0].requires_grad_(False)
    calls: list[int] = []
    network.head.register_forward_hook(lambda *_: calls.append(1))
    flags = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    model = wrap_model(network)
    assert (model.origin, model.num_classes, model.labels) == ("torch module", 5, None)
    assert model.weights_sha256 is None
    assert not model.network.module.training
    assert network.training
    assert flags == {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    shared = dict(model.network.module.named_parameters())
    assert all(shared[name].data_ptr() == parameter.data_ptr() for name, parameter in network.named_parameters())
    assert not any(parameter.requires_grad for parameter in shared.values())
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.equal(model.network(pixels), network.eval()(pixels))
    assert len(calls) == 3, "once more for the blank picture that shows how many outputs there are"


def test_another_precision_copies() -> None:
    network = tiny()
    model = wrap_model(network, dtype="bfloat16", device="cpu", name="mine", labels=["a", "b", "c", "d", "e"])
    assert (model.name, model.dtype, next(network.parameters()).dtype) == ("mine", torch.bfloat16, torch.float32)
    assert model.labels is not None
    assert model.labels.name(4) == "e"
    with pytest.raises(UsageError, match="expected auto"):
        wrap_model(network, device="there")


def test_preprocess_follows_the_size_that_it_was_built_for() -> None:
    model = wrap_model(tiny())
    assert model.name == "vit_tiny_patch16_224"
    assert (model.preprocess.size, model.preprocess.patch, model.preprocess.flexible) == ((32, 32), (8, 8), False)
    own = Preprocess((64, 64), 1.0, "squash", "bilinear", (0, 0, 0), (1, 1, 1), (8, 8), False)
    assert wrap_model(tiny(dynamic_img_size=True), preprocess=own).preprocess is own
    assert wrap_model(tiny(dynamic_img_size=True)).preprocess.flexible


def test_a_network_without_timms_configuration() -> None:
    network = tiny()
    del network.pretrained_cfg
    model = wrap_model(network)
    assert model.name == "VisionTransformer"
    assert model.preprocess.size == (32, 32)


def test_wrappers_of_torch_are_taken_off() -> None:
    model = wrap_model(torch.nn.DataParallel(tiny()))
    assert type(model.network.module).__name__ == "VisionTransformer"


def test_thousand_classes_get_timms_names() -> None:
    model = wrap_model(tiny(num_classes=1000))
    assert model.labels is not None
    assert model.labels.name(1) == "goldfish"
    assert any("named after ImageNet" in notice for notice in model.notices)


def test_what_is_no_vision_transformer_is_refused() -> None:
    with pytest.raises(ModelError, match="model Linear: not supported"):
        wrap_model(torch.nn.Linear(2, 2))
    with pytest.raises(ModelError, match="pictures of 4 channels instead of 3"):
        network = tiny(in_chans=4)
        network.pretrained_cfg["input_size"] = (4, 32, 32)
        wrap_model(network)
