"""Small random Swins of transformers and torchvision, and timm's with the same weights."""

from __future__ import annotations

import re
from typing import Any

import torch

from tests.networks.other_libraries import shaken
from tests.networks.staged import SWIN
from vitexplain.models.timm_import import import_timm

SIZE = 56
DEPTHS, HEADS = SWIN["depths"], SWIN["num_heads"]


def transformers_swin(name: str, seed: int = 0, **options: Any) -> Any:
    """Return a Swin of transformers: windows of 4 x 4 over 14 x 14, 7 x 7 and 4 x 4 tokens."""
    import_timm()
    import transformers

    cls = getattr(transformers, name)
    sizes = {"image_size": SIZE, "patch_size": 4, "embed_dim": 24, "depths": list(DEPTHS), "num_heads": list(HEADS)}
    torch.manual_seed(seed)
    return shaken(cls(cls.config_class(**{**sizes, "window_size": 4, "num_labels": 5, **options})))


def torchvision_swin(version: int = 1, seed: int = 0) -> Any:
    """Return a Swin of torchvision, of the same numbers."""
    import_timm()
    from torchvision.models import swin_transformer as library

    kinds: dict[str, Any] = {}
    if version == 2:
        kinds = {"block": library.SwinTransformerBlockV2, "downsample_layer": library.PatchMergingV2}
    torch.manual_seed(seed)
    return shaken(library.SwinTransformer([4, 4], 24, list(DEPTHS), list(HEADS), [4, 4], num_classes=5, **kinds))


def timm_swin(**options: Any) -> Any:
    """Return timm's Swin of the same numbers for pictures of 32 x 32."""
    numbers = {**SWIN, "img_size": 32, **options}
    return import_timm().create_model("swin_tiny_patch4_window7_224", **numbers).eval()


_OF_TRANSFORMERS = {
    r"^swin\.": "",
    r"^embeddings\.patch_embeddings\.projection": "patch_embed.proj",
    r"^embeddings\.norm": "patch_embed.norm",
    r"^layernorm": "norm",
    r"^encoder\.": "",
    r"layernorm_before": "norm1",
    r"layernorm_after": "norm2",
    r"attention\.o_proj": "attn.proj",
    r"attention\.relative_position_bias\.": "attn.",
    r"^classifier": "head.fc",
}
_OF_TORCHVISION = {
    r"^features\.0\.0": "patch_embed.proj",
    r"^features\.0\.2": "patch_embed.norm",
    r"^features\.1\.": "layers.0.blocks.",
    r"^features\.2\.": "layers.1.downsample.",
    r"^features\.3\.": "layers.1.blocks.",
    r"^features\.4\.": "layers.2.downsample.",
    r"^features\.5\.": "layers.2.blocks.",
    r"mlp\.0": "mlp.fc1",
    r"mlp\.3": "mlp.fc2",
    r"^head\.": "head.fc.",
}


def as_timm(module: Any, **options: Any) -> Any:
    """Return timm's Swin with the weights of transformers' or torchvision's (version 1)."""
    names = _OF_TORCHVISION if hasattr(module, "features") else _OF_TRANSFORMERS
    given: dict[str, torch.Tensor] = {}
    for theirs, value in module.state_dict().items():
        name = theirs
        for pattern, ours in names.items():
            name = re.sub(pattern, ours, name)
        # timm's and torchvision's mergings come first in the upper stage, transformers' last in the lower.
        if names is _OF_TRANSFORMERS:
            name = re.sub(r"layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) + 1}.downsample", name)
        given[name] = value
    for name in [name for name in given if ".q_proj." in name]:
        parts = [given.pop(name.replace("attention.q_proj", f"attention.{kind}_proj")) for kind in "qkv"]
        given[name.replace("attention.q_proj", "attn.qkv")] = torch.cat(parts)
    ours = timm_swin(**options)
    own = ours.state_dict()
    ours.load_state_dict({name: value for name, value in given.items() if name in own}, strict=False)
    left = set(own) - set(given)
    assert all(name.endswith(("relative_position_index", "attn_mask")) for name in left), left
    return ours
