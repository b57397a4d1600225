"""A torch model that the user built, as a LoadedModel; the user's own module stays exactly as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError
from vitexplain.images import Preprocess
from vitexplain.models.evaluation_transform import fitted, timm_preprocess
from vitexplain.models.given_settings import Channels, ImageSize, given_settings
from vitexplain.models.label_files import LabelSource
from vitexplain.models.loaded import MODULE, LoadedModel
from vitexplain.models.meaning import AUTO, count_outputs, meaning_of
from vitexplain.models.placement import resolve_device, resolve_dtype
from vitexplain.models.pooling import set_pooling
from vitexplain.models.training_settings import TrainingSettings
from vitexplain.models.untrained import untrained_notices
from vitexplain.networks import recognise

if TYPE_CHECKING:
    import torch

__all__ = ["wrap_model"]


def wrap_model(
    module: torch.nn.Module,
    *,
    name: str | None = None,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    activation: str = AUTO,
    preprocess: Preprocess | None = None,
    image_size: ImageSize | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    pool: str | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> LoadedModel:
    """Return the module as a LoadedModel that shares its weights (or copies them, where device or dtype differ).

    The module given keeps its mode, flags and hooks. How many classes there are is seen by running a blank picture, not
    read off an attribute; `activation` (auto, softmax, sigmoid, none) says what the outputs are (see meaning.py).
    Without `preprocess` the transform of its timm configuration is used; `image_size`, `mean`, `std` and `pool` as in
    `load_model`. Without `labels` the classes have timm's names only where the classifier is one of timm's making for
    that number of classes, and a notice says so.
    ModelError: no vision transformer of a known family, or one that returns something else than outputs.
    """
    import torch

    bare = _unwrapped(module)
    described = recognise(bare)
    clone = _sharing_copy(bare)
    parameter = next(clone.parameters(), torch.empty(0))
    where = parameter.device if device is None else resolve_device(device)
    what = parameter.dtype if dtype is None else resolve_dtype(dtype)
    clone = clone.to(device=where, dtype=what).eval()
    network = described.with_module(clone)
    given = given_settings(image_size, mean, std, pool)
    set_pooling(network, given.pooling)
    preprocess, told = fitted(preprocess or timm_preprocess(network), network, TrainingSettings(), given)
    configuration = network.configuration
    known_as = name or str(configuration.get("architecture") or type(bare).__name__)
    outputs = count_outputs(network, preprocess.size, where, what)
    own = network.classes == outputs == configuration.get("num_classes", outputs)
    meaning = meaning_of(
        network,
        known_as,
        outputs,
        activation=activation,
        labels=labels,
        metadata=configuration.get("label_names") if network.classes == outputs else None,
        table=None if own and configuration else False,
    )
    return LoadedModel(
        network=network,
        name=known_as,
        origin=MODULE,
        preprocess=preprocess,
        labels=meaning.labels,
        num_classes=meaning.num_classes,
        device=where,
        dtype=what,
        activation=meaning.activation,
        no_predictions=meaning.no_predictions,
        notices=told + meaning.notices + untrained_notices(network),
    )


def _unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module inside torch.compile's, DataParallel's and DistributedDataParallel's wrappers."""
    import torch

    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and isinstance(module, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, torch.nn.Module):
            return module
        module = inner


def _sharing_copy(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of the tree of modules whose parameters and buffers are the same memory, without gradients."""
    import torch

    memo: dict[int, object] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = torch.nn.Parameter(parameter.detach(), requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach()
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:  # modules may hold anything
        raise ModelError(
            f"{type(module).__name__}: the module cannot be copied ({' '.join(str(error).split())[:100]}): "
            "give a module that copy.deepcopy copies"
        ) from None
