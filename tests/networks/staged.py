"""Small random networks in stages, of timm's own classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vitexplain.models.timm_import import import_timm

SWIN: dict[str, Any] = {
    "embed_dim": 24,
    "depths": (2, 2, 2),
    "num_heads": (2, 4, 4),
    "window_size": 4,
    "num_classes": 5,
}
"""Windows of 4 x 4 over 14 x 14, 7 x 7 and 4 x 4 tokens: shifted, padded, an odd edge to merge, one window alone."""

STAGED: dict[str, tuple[str, dict[str, Any]]] = {
    "swin": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56}),
    "swin, any size": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56, "dynamic_img_size": True}),
    "swin, long": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": (32, 64), "window_size": (4, 8)}),
    "swin, windows everywhere": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 32, "always_partition": True}),
    "swinv2": ("swinv2_tiny_window8_256", {**SWIN, "img_size": 56}),
    "swinv2_cr": ("swinv2_cr_tiny_ns_224", {**SWIN, "img_size": 56}),
}


def build_staged(name: str, seed: int = 0, **options: Any) -> Any:
    """Return the network of that name here, its random weights all away from where they begin, which may be zero."""
    timm_name, own = STAGED[name]
    torch.manual_seed(seed)
    module = import_timm().create_model(timm_name, **{**own, **options}).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return module


def pixels_of(module: Any, count: int = 2) -> Tensor:
    """Return pixels (B, 3, H, W) of the size that the module was built for."""
    height, width = module.patch_embed.img_size
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))
