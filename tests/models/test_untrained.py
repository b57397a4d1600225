"""A module that was never trained is noticed; one that was, even a little, is not."""

from __future__ import annotations

import pytest
import torch

from tests.models.small import build, tiny
from tests.tiny_folder import write_tiny_folder
from vitexplain.models import load_model, wrap_model
from vitexplain.models.untrained import UNTRAINED
from vitexplain.pipeline import explain

PICTURE = torch.zeros(40, 40, 3, dtype=torch.uint8).numpy()


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "beit_base_patch16_224", "eva02_tiny_patch14_224", "vit_base_patch16_siglip_224"]
)
def test_modules_as_they_were_created(name: str) -> None:
    options = {"mlp_ratio": 4} if name.startswith("eva") else {}
    assert UNTRAINED in wrap_model(build(name, **options)).notices


def test_an_explanation_says_it() -> None:
    (notice,) = explain(tiny(), PICTURE, ["raw"]).notices
    assert notice == UNTRAINED


def test_one_step_of_training_counts() -> None:
    network = tiny().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    network(torch.randn(2, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    assert wrap_model(network.eval()).notices == ()


def test_a_new_head_on_a_trained_network() -> None:
    trained = tiny(3)
    with torch.no_grad():
        for block in trained.blocks:
            block.norm1.weight.add_(0.01)
    trained.reset_classifier(7)
    assert wrap_model(trained).notices == ()
    with torch.no_grad():
        only_one = tiny(3)
        only_one.blocks[1].norm2.bias[0] = 1e-6
    assert wrap_model(only_one).notices == ()


def test_norms_without_parameters_tell_nothing() -> None:
    plain = torch.nn.LayerNorm(64, elementwise_affine=False)
    network = tiny()
    for block in network.blocks:
        block.norm1 = block.norm2 = plain
    assert wrap_model(network).notices == ()


def test_folders_and_files_are_somebodys_weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_tiny_folder(tmp_path_factory.mktemp("models") / "tiny")
    assert load_model(str(folder), device="cpu").notices == ()
