"""timm's ConViT: the weights captured are those that multiply the values, and maps are where it looks."""

from __future__ import annotations

import pytest
import torch

from tests.networks.staged import CONVIT, build_staged, pixels_of
from vitexplain.attention import Fusion
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm


def test_weights_are_content_and_position_as_the_gate_mixes_them() -> None:
    """Written out from d'Ascoli et al. 2021, "ConViT", equations 6 to 8, for the first layer."""
    module = build_staged("convit")
    pixels = pixels_of(module)
    run = ForwardPass(wrap_model(module), pixels, [Fusion()])
    block = module.blocks[0]
    with torch.no_grad():
        tokens = block.norm1(module.patch_embed(pixels) + module.pos_embed)
        q, k = block.attn.qk(tokens).unflatten(-1, (2, 2, -1)).unbind(2)
        content = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.size(-1) ** 0.5
        rows, cols = torch.arange(16) // 4, torch.arange(16) % 4
        right, down = cols[None] - cols[:, None], rows[None] - rows[:, None]
        apart = torch.stack([right, down, right**2 + down**2], -1).float()
        position = block.attn.pos_proj(apart).permute(2, 0, 1)
        gate = block.attn.gating_param.sigmoid()[:, None, None]
        weights = (1 - gate) * content.softmax(-1) + gate * position.softmax(-1)
    torch.testing.assert_close(run.fused(Fusion(), 1), weights.mean(1))


def test_narrow_positions_keep_the_map_where_they_look() -> None:
    """Position alone, each head one patch to the right: a patch's rollout is binomial."""
    module = build_staged("convit")
    with torch.no_grad():
        for block in module.blocks[:2]:
            block.attn.gating_param.fill_(30.0)
            block.attn.pos_proj.weight.copy_(torch.tensor([[80.0, 0.0, -40.0]] * 2))  # largest one to the right
            block.attn.pos_proj.bias.zero_()
    run = ForwardPass(wrap_model(module), pixels_of(module), [Fusion()])
    values = torch.as_tensor(parse_spec("rollout:layers=1:2,source=patch:2,1")(run).values).view(2, 4, 4)
    expected = torch.zeros_like(values)
    expected[:, 2, 1], expected[:, 2, 2], expected[:, 2, 3] = 0.25, 0.5, 0.25
    torch.testing.assert_close(values, expected)


def test_scores_of_its_patches_are_not_called_merged() -> None:
    module = build_staged("convit")
    run = ForwardPass(wrap_model(module), pixels_of(module), [Fusion()])
    for spec in ("raw", "rollout:layers=4:4", "flow:layers=4:4"):
        assert not any("merged" in notice for of_one in parse_spec(spec)(run).notices for notice in of_one)


def test_a_class_token_that_never_enters_is_refused() -> None:
    module = import_timm().create_model("convit_tiny", **{**CONVIT, "local_up_to_layer": 4})
    with pytest.raises(ModelError, match="its class token enters none of its layers"):
        wrap_model(module)
