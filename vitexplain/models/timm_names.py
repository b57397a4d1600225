"""timm's name for a table of weights, guessed from its sizes and proved by the shapes of the network of that name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vitexplain.models.looks import Looks
from vitexplain.models.registry import list_models
from vitexplain.models.timm_import import import_timm

if TYPE_CHECKING:
    import torch

_SIZES = {
    64: ("test",),
    192: ("tiny",),
    240: ("xsmall", "wee"),
    256: ("pwee", "wee"),
    320: ("little",),
    384: ("small",),
    416: ("mediumd",),
    512: ("medium",),
    640: ("betwixt",),
    768: ("base",),
    896: ("so150m",),
    1024: ("large",),
    1152: ("so400m",),
    1280: ("huge",),
    1408: ("giant",),
    1536: ("giant",),
    1664: ("gigantic", "bigG"),
    1792: ("enormous",),
}
_MOST_BUILT = 12
_MARKS = {
    "dinov2": ("mask_token", "register_tokens"),
    "reg": ("reg_token", "register_tokens"),
    "distilled": ("dist_token", "head_dist.weight"),
    "deit3": ("blocks.0.ls1.gamma",),
    "beit": ("blocks.0.attn.relative_position_bias_table",),
    "eva02": ("blocks.0.mlp.w12.weight", "blocks.0.mlp.fc1_g.weight"),
    "siglip": ("attn_pool.latent",),
    "clip": ("norm_pre.weight", "class_embedding", "visual.class_embedding"),
    "dinov3": ("rope_embed.periods", "storage_tokens"),
}
"""Parts of timm's names, and the tensors that only such networks have."""


def fitting_names(state: Mapping[str, torch.Tensor], looks: Looks) -> list[str]:
    """Return timm's names of networks whose tensors have the shapes of these, the plainest first; [] for none.

    The classifier and the position embeddings, which follow the pictures' size, may differ.
    """
    patch = looks.patch[0] if looks.patch else None
    words = _SIZES.get(looks.width, ())
    names = list(dict.fromkeys(row.name.partition(".")[0] for row in list_models()))
    likely = [
        name
        for name in names
        if any(re.search(rf"(?:^|_){word}", name) for word in words)
        and (patch is None or re.search(rf"_p(?:atch)?{patch}(?:_|$)", name) or words == ("test",))
    ]
    marks = [mark for mark, keys in _MARKS.items() if any(key in state for key in keys)]
    plain = ("vit_", "deit_")

    def order(name: str) -> tuple[int, int, int, int]:
        unlike = sum((mark in name) != (mark in marks) for mark in _MARKS)
        size = re.search(r"_(\d{3})$", name)
        far = abs(int(size[1]) - looks.image_size[0]) if size and looks.image_size else 0
        return unlike, far, 0 if name.startswith(plain) else 1, len(name)

    wanted = _shapes(state)
    return [name for name in sorted(likely, key=order)[:_MOST_BUILT] if _built_shapes(name) == wanted][:3]


def _built_shapes(name: str) -> Mapping[str, tuple[int, ...]] | None:
    """Return the shapes of timm's network of that name, built without memory; None: it cannot be."""
    import torch

    try:
        with torch.device("meta"):
            return _shapes(import_timm().create_model(name, num_classes=0).state_dict())
    except Exception:  # some networks compute numbers while they are built
        return None


def _shapes(state: Mapping[str, torch.Tensor]) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of the layers, patches and tokens."""
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.startswith(("head", "fc_norm", "pos_embed", "norm.", "mask_token"))
        and "relative_position" not in key
    }
