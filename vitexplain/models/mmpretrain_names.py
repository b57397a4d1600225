"""mmpretrain's names of a vision transformer's weights, and timm's for the same tensors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_NAMES = {
    r"patch_embed\.projection\.": "patch_embed.proj.",
    r"pre_norm\.": "norm_pre.",
    r"ln1\.": "norm.",
    r"ln2\.": "fc_norm.",
    r"layers\.(\d+)\.ln([12])\.": r"blocks.\1.norm\2.",
    r"layers\.(\d+)\.attn\.gamma1\.weight": r"blocks.\1.ls1.gamma",
    r"layers\.(\d+)\.ffn\.gamma2\.weight": r"blocks.\1.ls2.gamma",
    r"layers\.(\d+)\.attn\.": r"blocks.\1.attn.",
    r"layers\.(\d+)\.ffn\.layers\.0\.0\.": r"blocks.\1.mlp.fc1.",
    r"layers\.(\d+)\.ffn\.layers\.1\.": r"blocks.\1.mlp.fc2.",
}


def in_timm_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of mmpretrain's VisionTransformer by timm's names; others keep theirs."""
    return {_timm_name(key): value for key, value in state.items()}


def _timm_name(key: str) -> str:
    for theirs, ours in _NAMES.items():
        name, found = re.subn(f"^{theirs}", ours, key)
        if found:
            return name
    return key
