"""Networks are built without drawing weights, and are the same once theirs are loaded."""

from __future__ import annotations

import pytest
import torch

from vitexplain.models.timm_import import import_timm
from vitexplain.models.without_start import WithoutRandomStart

NAMES = {
    "test_vit": {},
    "deit_tiny_distilled_patch16_224": {"depth": 2, "img_size": 64},
    "eva02_tiny_patch14_224": {"depth": 2, "img_size": 56},
    "vit_small_patch16_dinov3": {"depth": 2, "img_size": 64},
    "beit_base_patch16_224": {"depth": 2, "img_size": 64, "embed_dim": 96},
    "vit_base_patch16_siglip_224": {"depth": 2, "img_size": 64, "embed_dim": 96},
    "vit_relpos_small_patch16_224": {"depth": 2, "img_size": 64},
    "vit_tiny_r_s16_p8_224": {"depth": 2, "img_size": 64},
}


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_not_loaded_is_as_timm_builds_it(name: str) -> None:
    timm = import_timm()
    drawn = timm.create_model(name, **NAMES[name]).eval()
    before = torch.get_rng_state()
    with WithoutRandomStart():
        bare = timm.create_model(name, **NAMES[name]).eval()
    assert torch.equal(torch.get_rng_state(), before)
    for parameter in bare.parameters():
        parameter.data.fill_(float("nan"))  # whatever is not loaded would show
    bare.load_state_dict(drawn.state_dict())
    pixels = torch.randn(1, 3, *drawn.patch_embed.img_size)
    assert torch.equal(bare(pixels), drawn(pixels))
    buffers = dict(drawn.named_buffers())
    assert all(torch.equal(buffer, buffers[key]) for key, buffer in bare.named_buffers())
