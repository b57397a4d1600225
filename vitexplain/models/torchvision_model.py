"""torchvision's vision transformers and Swins by name: `torchvision:vit_b_16`, with its weights or those in a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from vitexplain.errors import ModelError
from vitexplain.images.files import shown
from vitexplain.likeness import alike
from vitexplain.models.built import Built
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.hub import file_from_url
from vitexplain.models.library_model import check_classes
from vitexplain.models.timm_import import import_timm
from vitexplain.models.weights import fit_weights
from vitexplain.models.without_start import WithoutRandomStart
from vitexplain.networks import other_task, out_of_scope, refusal

PREFIX = "torchvision:"
NAMES = ("vit_*", "swin_*")
"""Patterns of the names of torchvision that are explained."""
_OLDER = {"mlp.linear_1.": "mlp.0.", "mlp.linear_2.": "mlp.3."}
"""Names in files of before torchvision 0.14, its own default weights among them."""


def torchvision_model(name: str, weights: Path | None, num_classes: int | None) -> Built:
    """Return torchvision's model with its default weights (cached, or downloaded) or those in the file.

    A file decides the size of pictures and the number of classes. Its transform is that of torchvision's own weights
    for pictures of its size. ModelError: no such model, or a file that does not fit it.
    """
    import_timm()
    from torchvision import models

    known = models.list_models(include=NAMES)
    architecture = name.removeprefix(PREFIX)
    if architecture not in known:
        if architecture in models.list_models():
            module = models.get_model_builder(architecture).__module__
            if (task := other_task(f"{module}.{architecture}")) is not None:
                raise out_of_scope(name, task)
            raise refusal(name, module.rpartition(".")[2])
        near = "".join(f": {each}?" for each in alike(architecture, known))
        raise ModelError(f"model {shown(name)[:100]}: expected one of torchvision's {', '.join(known)}{near}")
    every = list(models.get_model_weights(architecture))
    if weights is None:
        chosen = every[0]
        file = file_from_url(name, chosen.url)
        module = _with_weights(architecture, file, name, num_classes)
        return Built(_described(module, architecture, chosen), name, "torchvision", file)
    module = _with_weights(architecture, weights, name, num_classes)
    side = None if _is_swin(architecture) else module.image_size
    chosen = next((each for each in every if side is None or each.transforms().crop_size == [side]), None)
    return Built(_described(module, architecture, chosen), name, f"file: {weights.name}", weights)


def _with_weights(architecture: str, file: Path, name: str, num_classes: int | None) -> Any:
    """Return the network with the weights of the file, built for the pictures that they were trained with."""
    from torchvision import models

    checkpoint = read_checkpoint(file)
    if _is_swin(architecture):
        return _swin(architecture, checkpoint.state, file, name, num_classes)
    looks = checkpoint.looks
    if looks is None or looks.library != "torchvision":
        what = "no vision transformer" if looks is None else f"weights of {looks.library}'s vision transformer"
        raise ModelError(f"weights {shown(str(file))}: {what}, expected torchvision's {architecture}: check `model=`")
    state = {_present_name(key): value for key, value in checkpoint.state.items()}
    last = [key for key in state if key.startswith("heads.") and key.endswith(".weight")]
    classes = int(state[last[-1]].shape[0]) if last else 0
    check_classes(f"the file {shown(file.name)}", classes, num_classes)
    options: dict[str, Any] = {"num_classes": max(classes, 1)}
    if looks.patch is not None and looks.positions:
        options["image_size"] = math.isqrt(looks.positions - 1) * looks.patch[0]
    if "heads.pre_logits.weight" in state:
        options["representation_size"] = int(state["heads.pre_logits.weight"].shape[0])
    with WithoutRandomStart():
        module = models.get_model(architecture, weights=None, **options)
    if not classes or num_classes == 0:
        module.heads = _no_classifier()
        state = {key: value for key, value in state.items() if not key.startswith("heads.")}
    fit_weights(module, state, file, name)
    return module


def _is_swin(architecture: str) -> bool:
    return architecture.startswith("swin_")


def _swin(architecture: str, state: dict[str, Any], file: Path, name: str, num_classes: int | None) -> Any:
    """Return torchvision's Swin with these weights; the file decides the number of classes."""
    from torchvision import models

    if "features.0.0.weight" not in state:
        raise ModelError(f"weights {shown(str(file))}: expected torchvision's {architecture}: check `model=`")
    head = state.get("head.weight")
    classes = 0 if head is None else int(head.shape[0])
    check_classes(f"the file {shown(file.name)}", classes, num_classes)
    with WithoutRandomStart():
        module = models.get_model(architecture, weights=None, num_classes=max(classes, 1))
    if not classes or num_classes == 0:
        module.head = _no_classifier()
        state = {key: value for key, value in state.items() if not key.startswith("head.")}
    fit_weights(module, state, file, name)
    return module


def _present_name(key: str) -> str:
    for older, present in _OLDER.items():
        key = key.replace(older, present)
    return key


def _no_classifier() -> Any:
    from torch import nn

    return nn.Sequential()


def _described(module: Any, architecture: str, weights: Any) -> Any:
    """Return the module with its name and the transform of these weights of torchvision, as timm keeps them."""
    module.pretrained_cfg = {"architecture": architecture}
    if weights is not None:
        transform = weights.transforms()
        module.pretrained_cfg |= {
            "interpolation": transform.interpolation.value,
            "crop_pct": transform.crop_size[0] / transform.resize_size[0],
            "mean": tuple(transform.mean),
            "std": tuple(transform.std),
        }
    return module
