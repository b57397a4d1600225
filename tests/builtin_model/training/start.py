"""The network that a run starts from: weights in a file, or a timm model, with dropping of patches and layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.builtin_model.training.recipe import Recipe
from vitexplain.errors import ModelError
from vitexplain.models.builtin.network import (
    ARCHITECTURE,
    CLASSES,
    PATCH,
    SIZE,
    architecture_options,
)
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.hub import pretrained_file
from vitexplain.models.timm_import import import_timm
from vitexplain.models.weights import fit_weights

_FILE_ENDINGS = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True)
class Start:
    """A network to train; `patch` is the side of its patches in pixels, `layers` the number of its blocks.

    `new_classifier` tells that the classifier has random weights.
    """

    network: torch.nn.Module
    patch: int
    layers: int
    new_classifier: bool


def make_start(init: str, recipe: Recipe, pretrained: bool = True) -> Start:
    """Return the network for `init`: a file with weights of the built-in architecture, or the name of a timm model.

    The weights of a timm model come from its hub or the hub's cache. Without `pretrained` all weights are random (for
    a run that brings its own, or starts from nothing). A file without a fitting classifier gets a new one.

    Raises ModelError if there is no such file or model, or it is not a plain ViT with dropping of patches.
    """
    torch.manual_seed(recipe.seed)
    if init.endswith(_FILE_ENDINGS) or Path(init).exists():
        network = _build(ARCHITECTURE, recipe, pretrained=False)
        new_classifier = _load(network, Path(init)) if pretrained else True
    else:
        network = _build(init, recipe, pretrained)
        new_classifier = True
    patch, layers = _shape(network, init)
    return Start(network, patch, layers, new_classifier)


def _build(name: str, recipe: Recipe, pretrained: bool) -> torch.nn.Module:
    timm = import_timm()
    if not timm.is_model(name):
        raise ModelError(
            f"--init {name} is neither a file nor a timm model; give a .safetensors file or a model's name"
        )
    options: dict[str, object] = {"num_classes": CLASSES, "dynamic_img_size": True}
    if name.partition(".")[0] == ARCHITECTURE:
        options |= architecture_options()
    # The share is set for each batch; a rate above 0 only puts the layer that drops patches in.
    options |= {"drop_path_rate": recipe.drop_path, "patch_drop_rate": 0.5, "pretrained": pretrained}
    if pretrained:
        options["pretrained_cfg_overlay"] = {"file": str(_pretrained_file(name)), "custom_load": False}
    try:
        network: torch.nn.Module = timm.create_model(name, **options)
    except TypeError as error:
        raise ModelError(
            f"--init {name} takes no {_unknown_option(error)}; training is for plain ViTs such as {ARCHITECTURE}"
        ) from error
    return network


def _pretrained_file(name: str) -> Path:
    cfg = import_timm().models.get_pretrained_cfg(name)
    if cfg is None:
        raise ModelError(f"--init {name} has no pretrained weights; give a .safetensors file, or --random-start")
    try:
        return pretrained_file(name, cfg)
    except ModelError as error:
        # Without the remedy at its end, which is another command's.
        reason = str(error).rpartition(": ")[0] or str(error)
        raise ModelError(f"--init {name}: {reason}; give a .safetensors file, or --random-start") from error


def _unknown_option(error: TypeError) -> str:
    return next((word for word in ("dynamic_img_size", "patch_drop_rate") if word in str(error)), "dropping of patches")


def _load(network: torch.nn.Module, path: Path) -> bool:
    """Load the weights of `path`; return whether the classifier is new because the file has no fitting one."""
    state = read_checkpoint(path).state
    fresh = network.state_dict()
    classifier = ("head.weight", "head.bias")
    new = any(name not in state or state[name].shape != fresh[name].shape for name in classifier)
    if new:
        state |= {name: fresh[name] for name in classifier}
    fit_weights(network, state, path)
    return new


def _shape(network: torch.nn.Module, init: str) -> tuple[int, int]:
    """Return the side of a patch in pixels and the number of layers. Raises ModelError if it is no plain ViT."""
    timm = import_timm()
    parts: Any = network
    plain = isinstance(network, timm.models.vision_transformer.VisionTransformer) and isinstance(
        parts.patch_embed, timm.layers.PatchEmbed
    )
    if not plain or not isinstance(parts.patch_drop, timm.layers.PatchDropout):
        raise ModelError(f"--init {init} is not a plain ViT; training is for plain ViTs such as {ARCHITECTURE}")
    if not isinstance(parts.head, torch.nn.Linear):
        raise ModelError(f"--init {init} has no linear classifier; training is for ViTs such as {ARCHITECTURE}")
    rows, cols = parts.patch_embed.patch_size
    if rows != cols:
        raise ModelError(f"--init {init} has patches of {rows} x {cols} pixels; training is for square ones")
    return int(rows), len(parts.blocks)


def keep_patches(network: torch.nn.Module, kept: int, patches: int) -> None:
    """Let `network` keep `kept` of the `patches` of each image in the next training step."""
    # timm keeps int(patches * (1 - prob)); the half keeps rounding from losing one.
    network.patch_drop.prob = max(0.0, 1.0 - (kept + 0.5) / patches)  # type: ignore[union-attr]


def measuring_side(start: Start) -> int:
    """Return the side in pixels at which the classifier is started: as many patches as the built-in model has."""
    return SIZE // PATCH * start.patch
