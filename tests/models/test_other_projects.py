"""Files as the training programs of other projects write them: read as what they are, or refused with advice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.small import build, tiny
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.weights import fit_weights, refuse_other_library

State = dict[str, Tensor]

PIXELS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
NETWORK = tiny()
PLAIN: State = NETWORK.state_dict()
BARE: State = {key: value for key, value in PLAIN.items() if not key.startswith("head.")}


def under(prefix: str, state: Mapping[str, Tensor]) -> State:
    return {prefix + key: value for key, value in state.items()}


def fitted(content: object, network: Any, file: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the network with the weights of a file with this content, and what is said of them."""
    torch.save(content, file)
    checkpoint = read_checkpoint(file)
    refuse_other_library(checkpoint)
    checkpoint.check_classifier()
    return network, checkpoint.notices + fit_weights(network, checkpoint.state, file)


def same_outputs(network: Any, expected: Any) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(network(PIXELS), expected(PIXELS))


def in_mmpretrain(state: State) -> State:
    """Return a network's tensors as mmpretrain calls them."""
    new: State = {}
    for key, value in state.items():
        if key.startswith("head."):
            new[f"head.layers.{key}"] = value
            continue
        for ours, theirs in (
            ("blocks.", "layers."),
            (".norm1", ".ln1"),
            (".norm2", ".ln2"),
            ("mlp.fc1", "ffn.layers.0.0"),
            ("mlp.fc2", "ffn.layers.1"),
            ("patch_embed.proj", "patch_embed.projection"),
            ("ls1.gamma", "attn.gamma1.weight"),
            ("ls2.gamma", "ffn.gamma2.weight"),
        ):
            key = key.replace(ours, theirs)
        new[f"backbone.{'ln1' + key[4:] if key.startswith('norm.') else key}"] = value
    return new


@pytest.mark.parametrize("options", [{}, {"init_values": 0.1}])
def test_mmpretrain(options: dict[str, Any], tmp_path: Path) -> None:
    theirs = tiny(2, **options)
    content = {"meta": {"epoch": 3}, "state_dict": in_mmpretrain(theirs.state_dict())}
    network, notices = fitted(content, tiny(**options), tmp_path / "w.pth")
    assert notices[0] == "w.pth: these are weights of mmpretrain, read by timm's names"
    same_outputs(network, theirs)


@pytest.mark.parametrize("name", ["deit3_small_patch16_224", "vit_small_patch14_dinov2", "beit_base_patch16_224"])
def test_layer_scale_as_its_papers_call_it(name: str, tmp_path: Path) -> None:
    """DeiT III's own files have `gamma_1` where timm has `ls1.gamma`; timm's BEiT keeps that name."""
    theirs, ours = (build(name, seed, img_size=32, patch_size=8, num_classes=5, init_values=0.1) for seed in (1, 2))
    state = {re.sub(r"ls([12])\.gamma", r"gamma_\1", key): value for key, value in theirs.state_dict().items()}
    assert any("gamma_1" in key for key in state)
    same_outputs(fitted({"model": state}, ours, tmp_path / "w.pth")[0], theirs)


def test_self_supervised_training(tmp_path: Path) -> None:
    """iBOT's and MoCo v3's files: the backbone, without the layers that give no classes."""
    ibot: State = {
        "head.mlp.0.weight": torch.zeros(4, 64),
        "head.last_layer.weight_v": torch.zeros(4, 4),
        "head.last_layer2.weight_v": torch.zeros(4, 4),
        "backbone.masked_embed": torch.zeros(1, 64),
    }
    content = {"teacher": under("backbone.", BARE) | ibot, "student": under("module.backbone.", BARE)}
    network, (notice,) = fitted(content, tiny(num_classes=0), tmp_path / "w.pth")
    assert "left aside: head, masked_embed" in notice
    same_outputs(network, lambda pixels: NETWORK.forward_head(NETWORK.forward_features(pixels), pre_logits=True))


@pytest.mark.parametrize("name", ["my_layer", "arcface.layers", "net.2", "1"])
def test_a_linear_layer_of_any_name_beside_the_backbone(name: str, tmp_path: Path) -> None:
    """`Sequential(backbone, Linear)` has no name for it at all. Layers of another kind are left aside."""
    linear = {"weight": torch.randn(3, 64), "bias": torch.randn(3)}
    place = {"net.2": "net.1.", "1": "0."}.get(name, "backbone.")
    content = {
        **under(place, BARE),
        **under(f"{name}.", linear),
        "criterion.weight": torch.ones(3),
        "rotation.0.weight": torch.ones(4, 64),
        "rotation.2.weight": torch.ones(4, 4),
        "projection.weight": torch.ones(4, 64),
    }
    network, notices = fitted({"state_dict": content}, tiny(num_classes=3), tmp_path / "w.pth")
    assert torch.equal(network.head.weight, linear["weight"])
    layer = name.split(".layers")[0]
    assert any(
        notice.startswith(f"w.pth: '{layer}' is taken as the classifier, one linear layer") for notice in notices
    )


def test_two_linear_layers_of_other_names_are_no_classifier(tmp_path: Path) -> None:
    linear = {"weight": torch.randn(3, 64), "bias": torch.randn(3)}
    content = under("backbone.", BARE) | under("age.", linear) | under("kind.", linear)
    _, (notice,) = fitted(content, tiny(num_classes=0), tmp_path / "w.pth")
    assert notice == "w.pth: the weights under 'backbone' are used, left aside: age, kind"


def test_a_classifier_of_several_layers_can_be_left_out(tmp_path: Path) -> None:
    """MoCo v3's projection stands where the classifier is: the advice is followed."""
    theirs = build("test_vit", embed_dim=64, depth=6, num_heads=2, num_classes=0)
    head: State = {"head.0.weight": torch.ones(8, 64), "head.1.running_mean": torch.ones(8)}
    state = theirs.state_dict() | head
    torch.save(
        {"state_dict": under("module.base_encoder.", state) | under("module.momentum_encoder.", state)},
        tmp_path / "w.pth",
    )
    with pytest.raises(
        ModelError, match=r"is Linear \+ BatchNorm, not one .*: explain .* with `num_classes=0`, or give"
    ):
        load_model("test_vit", weights=tmp_path / "w.pth", device="cpu")
    model = load_model("test_vit", weights=tmp_path / "w.pth", num_classes=0, device="cpu")
    pixels = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(pixels), theirs(pixels))
