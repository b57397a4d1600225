"""A torch model that the user built, as a LoadedModel; the user's own module stays exactly as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess
from vitexplain.models.evaluation_transform import fitted, timm_preprocess
from vitexplain.models.given_settings import Channels, ImageSize, given_settings
from vitexplain.models.label_files import LabelSource
from vitexplain.models.loaded import MODULE, LoadedModel
from vitexplain.models.meaning import AUTO, meaning_of, outputs_of_blank
from vitexplain.models.placement import resolve_device, resolve_dtype
from vitexplain.models.pooling import set_pooling
from vitexplain.models.training_settings import TrainingSettings
from vitexplain.models.untrained import untrained_notices
from vitexplain.networks import Network, adapter_of, recognise

if TYPE_CHECKING:
    import torch

__all__ = ["wrap_model"]

_QUANTISED = "quantised layers do not pass on"


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

    A vision transformer, or a module that runs one: a wrapper, a backbone with a classifier of its own, LoRA, averaged
    weights. The module given keeps its mode, flags and hooks. How many classes there are is seen by running it;
    `activation` (auto, softmax, sigmoid, none) says what the outputs are (see meaning.py). Without `preprocess` the
    transform of its configuration is used; `image_size`, `mean`, `std` and `pool` as in `load_model`. Without `labels`
    the classes have timm's names only where the classifier is one of timm's making for that number of classes, and a
    notice says so. ModelError: no vision transformer of a known family, or one whose tokens the module uses in a way
    that is not described, or one that returns something else than outputs.
    """
    from vitexplain.capture import plain_context

    given = given_settings(image_size, mean, std, pool)
    with plain_context():
        return _wrapped(module, given, activation, name, labels, preprocess, device, dtype)


def _wrapped(
    module: torch.nn.Module,
    given: TrainingSettings,
    activation: str,
    name: str | None,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None,
    preprocess: Preprocess | None,
    device: str | torch.device | None,
    dtype: str | torch.dtype | None,
) -> LoadedModel:
    import torch

    from vitexplain.models.around import describe_around
    from vitexplain.models.sharing_copy import sharing_copy

    clone = sharing_copy(module)
    first = next((each for each in clone.parameters() if each.is_floating_point()), torch.empty(0))
    if first.is_meta:
        raise ModelError(f"model {type(module).__name__}: its weights are on the meta device: load them first")
    where = first.device if device is None else resolve_device(device)
    what = first.dtype if dtype is None else resolve_dtype(dtype)
    clone = clone.to(device=where, dtype=what).eval()
    around = None if adapter_of(clone) is not None else describe_around(clone)
    network: Network = around.network if around else recognise(clone)
    set_pooling(around.network.inner if around else network, given.pooling)
    usual, known = (preprocess, ()) if preprocess else timm_preprocess(network)
    prepared, notices = fitted(usual, network, TrainingSettings(), given)
    if around and around.normalises and preprocess is None:
        own = around.normalises
        prepared = replace(prepared, mean=(0.0, 0.0, 0.0), std=(1 / own.largest,) * 3)
        notices += (
            f"the module normalises its pixels itself, by mean {own.mean} and std {own.std}: it gets plain ones",
        )
    configuration = network.configuration
    inside = str(configuration.get("architecture") or type(around.network.inner.module if around else clone).__name__)
    known_as = name or (f"{type(clone).__name__} around {inside}" if around else inside)
    returned = around.outputs if around else outputs_of_blank(network, prepared.size, where, what)
    outputs = around.network.classes if around else returned.size(1)
    own_classes = network.classes == outputs == configuration.get("num_classes", outputs)
    meaning = meaning_of(
        network,
        known_as,
        outputs,
        activation=activation,
        labels=labels,
        metadata=configuration.get("label_names") if network.classes == outputs else None,
        table=None if own_classes and configuration else False,
        returned=returned,
    )
    return LoadedModel(
        network=network,
        name=known_as,
        origin=MODULE,
        preprocess=prepared,
        labels=meaning.labels,
        num_classes=meaning.num_classes,
        device=where,
        dtype=what,
        activation=meaning.activation,
        no_predictions=meaning.no_predictions,
        notices=(*known, *notices, *meaning.notices, *untrained_notices(network)),
        stops_gradients=_QUANTISED if _is_quantised(clone) else around.stops_gradients if around else None,
    )


def require_module(model: object, unused: Mapping[str, object]) -> None:
    """Raise ModelError for what is no torch module, UsageError for an option of `unused` that is given all the same."""
    import torch

    if not isinstance(model, torch.nn.Module):
        what = "a class: call it first" if isinstance(model, type) else f"of type {type(model).__name__}"
        raise ModelError(f"the model is {what}; expected a name, a torch module or load_model(...){_held_by(model)}")
    for option, value in unused.items():
        if value is not None:
            raise UsageError(f"`{option}=` has no effect on a torch module, which has its own: load it into the module")


def _held_by(model: object) -> str:
    """Return what to give in the place of an object that holds a module or its weights (a pipeline, a tuple)."""
    import torch

    if isinstance(model, Mapping) and any(isinstance(value, torch.Tensor) for value in model.values()):
        return ": save these weights, torch.save(weights, 'weights.pth'), and give the file as `weights=`"
    parts = enumerate(model) if isinstance(model, tuple | list) else getattr(model, "__dict__", {}).items()
    place = next((name for name, part in parts if isinstance(part, torch.nn.Module)), None)
    if place is None or isinstance(model, type):
        return ""
    return f": give its {f'item {place}, model[{place}]' if isinstance(place, int) else f'module, model.{place}'}"


def _is_quantised(module: torch.nn.Module) -> bool:
    return any("quantized" in type(part).__module__ for part in module.modules())
