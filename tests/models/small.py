"""Small networks of timm's own classes, with random weights."""

from __future__ import annotations

from typing import Any

import torch

from vitexplain.models import LoadedModel
from vitexplain.models.timm_import import import_timm


def build(name: str, seed: int = 0, **options: object) -> Any:
    """Return timm's network `name`, two blocks deep, with seeded random weights."""
    torch.manual_seed(seed)
    sizes: dict[str, object] = {"embed_dim": 64, "depth": 2, "num_heads": 4}
    return import_timm().create_model(name, **{**sizes, **options}).eval()


def tiny(seed: int = 0, **options: object) -> Any:
    """Return a plain vision transformer of 2 blocks for 32 x 32 pixels in patches of 8, 5 classes."""
    return build("vit_tiny_patch16_224", seed, **{"img_size": 32, "patch_size": 8, "num_classes": 5, **options})


def told_of(model: LoadedModel) -> tuple[str, ...]:
    """Return a model's notices but that on a mean and std that nothing says."""
    return tuple(notice for notice in model.notices if not notice.startswith("nothing with the weights says how"))
