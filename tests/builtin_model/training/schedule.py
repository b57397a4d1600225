"""Which rate a weight learns with: by depth in the network, and over the run."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from tests.builtin_model.training.recipe import Recipe


def rate_factor(progress: float, warm_up: float) -> float:
    """Return what the peak rate is multiplied by at `progress` (0 to 1): a linear rise, then half a cosine to 0."""
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1.0 - warm_up))))


def depth_of(name: str, layers: int) -> int:
    """Return how far from the image the weight `name` of a timm ViT lies: 0 embedding, 1 to L, L + 1 what follows."""
    block = re.match(r"blocks\.(\d+)\.", name)
    if block:
        return int(block.group(1)) + 1
    embedding = name.startswith(("patch_embed.", "norm_pre.")) or name in ("cls_token", "reg_token", "pos_embed")
    return 0 if embedding else layers + 1


def weight_groups(network: torch.nn.Module, layers: int, recipe: Recipe) -> list[dict[str, Any]]:
    """Return AdamW's parameter groups: one for each depth, matrices (decayed) apart from the rest.

    `scale`, a key of ours, is what the rate of the group is multiplied by: 1 for the classifier, `layer_decay` less
    per layer of depth.
    """
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        # Linear weights have 2 dimensions and the patch embedding 4; tokens and position embeddings have 3.
        is_matrix = parameter.ndim in (2, 4)
        groups.setdefault((depth_of(name, layers), is_matrix), []).append(parameter)
    return [
        {
            "params": parameters,
            "scale": recipe.layer_decay ** (layers + 1 - depth),
            "weight_decay": recipe.weight_decay if is_matrix else 0.0,
        }
        for (depth, is_matrix), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's rate to `rate` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
