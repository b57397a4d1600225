"""A torch model that the user built, as a LoadedModel; the user's own module stays exactly as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError
from vitexplain.images import Preprocess
from vitexplain.models.evaluation_transform import timm_preprocess
from vitexplain.models.label_files import LabelSource, resolve_labels
from vitexplain.models.layouts import check_supported
from vitexplain.models.loaded import LoadedModel
from vitexplain.models.placement import resolve_device, resolve_dtype

if TYPE_CHECKING:
    import torch

__all__ = ["wrap_model"]


def wrap_model(
    network: torch.nn.Module,
    *,
    name: str | None = None,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    preprocess: Preprocess | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> LoadedModel:
    """Return the network as a LoadedModel that shares its weights (or copies them, where device or dtype differ).

    The module given keeps its mode, flags and hooks. Without `preprocess` the transform of its timm configuration is
    used, without `labels` timm's names for its number of classes. ModelError: no vision transformer of a known family.
    """
    import torch

    bare = _unwrapped(network)
    check_supported(bare)
    clone = _sharing_copy(bare)
    parameter = next(clone.parameters(), torch.empty(0))
    where = parameter.device if device is None else resolve_device(device)
    what = parameter.dtype if dtype is None else resolve_dtype(dtype)
    clone = clone.to(device=where, dtype=what).eval()
    num_classes = int(getattr(clone, "num_classes", 0) or 0)
    cfg = getattr(clone, "pretrained_cfg", None) or {}
    return LoadedModel(
        network=clone,
        name=name or str(cfg.get("architecture") or type(bare).__name__),
        source="torch module",
        preprocess=preprocess or timm_preprocess(clone),
        labels=resolve_labels(labels, num_classes, cfg.get("label_names")),
        num_classes=num_classes,
        device=where,
        dtype=what,
    )


def _unwrapped(network: torch.nn.Module) -> torch.nn.Module:
    """Return the module inside torch.compile's, DataParallel's and DistributedDataParallel's wrappers."""
    import torch

    while True:
        inner = getattr(network, "_orig_mod", None)
        if inner is None and isinstance(network, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            inner = network.module
        if not isinstance(inner, torch.nn.Module):
            return network
        network = inner


def _sharing_copy(network: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of the tree of modules whose parameters and buffers are the same memory, without gradients."""
    import torch

    memo: dict[int, object] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = torch.nn.Parameter(parameter.detach(), requires_grad=False)
    for buffer in network.buffers():
        memo[id(buffer)] = buffer.detach()
    try:
        return copy.deepcopy(network, memo)
    except Exception as error:  # modules may hold anything
        raise ModelError(
            f"{type(network).__name__}: the module cannot be copied ({' '.join(str(error).split())[:100]}): "
            "give a module that copy.deepcopy copies"
        ) from None
