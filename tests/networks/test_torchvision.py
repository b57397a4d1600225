"""torchvision's VisionTransformer: its fast path is not missed, its scores are those of the same weights in timm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.models.small import build
from tests.networks.adapter_checks import (
    check_attention,
    check_names,
    check_readout,
    check_rules,
    check_same_scores,
    pixels,
)
from tests.networks.other_libraries import DEPTH, torchvision_model
from vitexplain.capture import capture
from vitexplain.errors import ModelError, UsageError
from vitexplain.networks import recognise
from vitexplain.tokens import TokenGrid


@pytest.mark.parametrize("representation_size", [None, 24])
def test_names_readout_and_attention(representation_size: int | None) -> None:
    module = torchvision_model(representation_size=representation_size)
    check_names(module, TokenGrid(1, 4, 4, True), "cls", 5)
    check_readout(module)
    check_attention(module)
    check_rules(module)


def test_one_size_only() -> None:
    with pytest.raises(UsageError, match="40 x 40: this model takes 32 x 32 only"):
        recognise(torchvision_model()).levels(40, 40)


def test_parameters_above_and_the_last_layer_replaced() -> None:
    module = torchvision_model()
    upper = recognise(module).parameters_above(2)
    assert all(name.startswith(("encoder.layers.encoder_layer_1.", "encoder.ln.", "heads.")) for name in upper)
    assert len(upper) == 16
    module.heads = nn.Sequential(nn.Linear(48, 9))
    assert recognise(module).classes == 9
    module.heads = nn.Identity()
    assert recognise(module).classes == 0


def test_other_channels_are_refused() -> None:
    module = torchvision_model()
    module.conv_proj = nn.Conv2d(1, 48, 8, 8)
    with pytest.raises(ModelError, match="1 channels instead of 3"):
        recognise(module)


def test_scores_equal_those_of_the_same_weights_in_timm() -> None:
    theirs = torchvision_model()
    state = theirs.state_dict()
    given = {
        "cls_token": state["class_token"],
        "pos_embed": state["encoder.pos_embedding"],
    }
    kinds = ("weight", "bias")
    for there, here in (("conv_proj", "patch_embed.proj"), ("encoder.ln", "norm"), ("heads.head", "head")):
        given |= {f"{here}.{kind}": state[f"{there}.{kind}"] for kind in kinds}
    names = {"ln_1": "norm1", "ln_2": "norm2", "self_attention.out_proj": "attn.proj", "mlp.0": "mlp.fc1"}
    for layer in range(DEPTH):
        start = f"encoder.layers.encoder_layer_{layer}"
        for there, here in {**names, "mlp.3": "mlp.fc2"}.items():
            given |= {f"blocks.{layer}.{here}.{kind}": state[f"{start}.{there}.{kind}"] for kind in kinds}
        given |= {f"blocks.{layer}.attn.qkv.{kind}": state[f"{start}.self_attention.in_proj_{kind}"] for kind in kinds}
    ours = build(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=5, embed_dim=48, num_heads=3, mlp_ratio=64 / 48
    )
    ours.load_state_dict(given)
    torch.testing.assert_close(theirs(pixels()), ours(pixels()))
    check_same_scores(theirs, ours)


def test_the_fast_path_of_a_transformer_encoder_is_not_missed() -> None:
    """In eval mode and without gradients torch computes a whole layer in one function, unless somebody watches."""
    layer = nn.TransformerEncoderLayer(24, 3, 48, batch_first=True, norm_first=True).eval()
    tokens = torch.randn(2, 5, 24)
    with torch.inference_mode():
        plain = layer(tokens)
        seen: list[torch.Tensor] = []
        output = capture(layer, tokens, lambda weights, _: seen.append(weights.clone()))
    torch.testing.assert_close(output, plain)
    assert [weights.shape for weights in seen] == [(1, 3, 5, 5)] * 2  # one image of the batch at a time
