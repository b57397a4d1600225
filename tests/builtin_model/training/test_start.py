"""Where a run starts: weights in a file, a new classifier by ridge regression."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.builtin_model.measure import measure
from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id
from tests.builtin_model.training import start as start_module
from tests.builtin_model.training.classifier_start import best_scale, ridge, start_classifier
from tests.builtin_model.training.recipe import Recipe
from tests.builtin_model.training.start import make_start
from tests.builtin_model.zip_of_colours import write_zip
from vitexplain.errors import ModelError
from vitexplain.models.builtin.labels import read_labels
from vitexplain.models.builtin.network import WEIGHTS_FILE, read_weights


def test_a_file_without_classifier_gets_a_new_one(tmp_path: Path) -> None:
    weights = read_weights(WEIGHTS_FILE)
    start = make_start(str(WEIGHTS_FILE), Recipe())
    assert (start.patch, start.layers, start.new_classifier) == (14, 12, False)
    assert torch.equal(start.network.state_dict()["head.weight"], weights["head.weight"])
    del weights["head.weight"], weights["head.bias"]
    save_file(weights, tmp_path / "backbone.safetensors")
    start = make_start(str(tmp_path / "backbone.safetensors"), Recipe())
    assert start.new_classifier
    assert torch.equal(start.network.state_dict()["cls_token"], weights["cls_token"])


def test_a_pretrained_start_reads_the_hub_s_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_start("test_vit", Recipe(seed=5), pretrained=False).network.state_dict()
    save_file(
        {**state, "head.weight": torch.zeros(1000, 64), "head.bias": torch.zeros(1000)}, tmp_path / "hub.safetensors"
    )
    monkeypatch.setattr(start_module, "pretrained_file", lambda _name, _cfg: tmp_path / "hub.safetensors")
    start = make_start("test_vit", Recipe())
    assert start.new_classifier
    assert torch.equal(start.network.state_dict()["cls_token"], state["cls_token"])
    assert start.network.state_dict()["head.weight"].shape == (200, 64)


def test_an_unreachable_hub_is_told_with_this_command_s_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, _cfg: object) -> Path:
        raise ModelError(f"model {name}: the hub cannot be reached: use --model builtin")

    monkeypatch.setattr(start_module, "pretrained_file", refuse)
    with pytest.raises(ModelError, match=r"cannot be reached; give a .safetensors file, or --random-start"):
        make_start("test_vit", Recipe())


def test_ridge_regression_finds_a_separable_rule() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(60) % 3
    centres = 4 * torch.randn(3, 8, generator=generator, dtype=torch.float64)
    features = centres[targets] + 0.1 * torch.randn(60, 8, generator=generator, dtype=torch.float64)
    weight, bias = ridge(features, targets, 3)
    assert weight.shape == (3, 8)
    assert torch.equal((features @ weight.T + bias).argmax(dim=1), targets)
    # The regression of one-hot targets with a free intercept adds up to one.
    assert (features @ weight.T + bias).sum(dim=1).numpy() == pytest.approx(1.0)


def test_the_scale_is_chosen_on_images_that_were_not_fitted() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(40, 64, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 200, (40,), generator=generator)
    # 40 points in 64 dimensions are fitted well, whatever their classes; there is nothing to be sure of.
    scale, loss = best_scale(noise, targets)
    assert scale <= 2.0
    assert loss > 4.0


def test_a_new_classifier_knows_the_colours_before_any_step(tmp_path: Path) -> None:
    archive = PhotoZip(write_zip(tmp_path / "data.zip"), class_of_wordnet_id(read_labels()))
    start = make_start("test_vit", Recipe(), pretrained=False)
    assert start.new_classifier
    start_classifier(start.network, archive, images=16, side=48, dtype=torch.float32)
    accuracy = measure(start.network.eval(), archive, archive.photos, size=48)
    assert accuracy.top1 >= 14
