"""Plain families: levels, readout and edges proved by gradients, logits and rows, as for networks in stages."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.small import build
from tests.networks.edges import check_edges, check_levels, check_rows
from vitexplain.networks import recognise

SMALL = {"img_size": 64, "num_classes": 5}
PLAIN: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": SMALL,
    "vit_base_patch16_siglip_224": SMALL,
    "vit_little_patch16_reg4_gap_256": SMALL,
    "vit_pwee_patch16_reg1_gap_256": SMALL,
    "deit_tiny_distilled_patch16_224": SMALL,
    "deit3_small_patch16_224": SMALL,
    "eva02_tiny_patch14_224": {"img_size": 56, "num_classes": 5},
    "vit_small_patch16_dinov3": SMALL,
    "vit_pe_core_base_patch16_224": SMALL,
    "beit_base_patch16_224": SMALL,
    "beitv2_base_patch16_224": SMALL,
    "vit_relpos_small_patch16_224": SMALL,
    "vit_srelpos_small_patch16_224": SMALL,
    "vit_tiny_r_s16_p8_224": SMALL,
    "vitamin_small_224": {**SMALL, "embed_dim": 384},
    "naflexvit_base_patch16_gap": {"num_classes": 5},
    "naflexvit_base_patch16_map": {"num_classes": 5, "rope_type": "axial"},
    "naflexvit_base_patch16_parfac_gap": {"num_classes": 5, "embed_proj_type": "conv"},
    "naflexvit_base_patch16_radio_v3": {"num_classes": 5},
    "qwen3_vit_88m": {"num_classes": 5, "embed_dim": 48, "num_heads": 3},
    "deepseek_vit_412m": {"num_classes": 5, "embed_dim": 48, "num_heads": 3, "img_size": 64, "patch_size": 16},
}
"""A member of each plain family of timm's: vit, deit, eva, beit, relpos, hybrid, vitamin, naflexvit, towers."""


def moved(name: str) -> Any:
    """Return the network of two blocks, its random weights all away from where they begin, which may be zero."""
    module = build(name, **PLAIN[name])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return module


def test_every_plain_family_is_there() -> None:
    families = {type(recognise(moved(name))).__name__ for name in PLAIN}
    assert families == {"TimmVit", "TimmDistilled", "TimmEva", "TimmBeit", "TimmRelPos", "TimmNaFlex", "TimmTowers"}


@pytest.mark.parametrize("name", PLAIN)
def test_edges_levels_and_rows(name: str) -> None:
    module = moved(name)
    taken = recognise(module).pixels
    size = (64, 64) if taken.flexible else taken.built_for
    assert size is not None
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    check_levels(module, pixels)
    check_rows(module, pixels)
    check_edges(module, pixels)
