"""load_model: the built-in model, timm's pretrained ones, and any timm vision transformer with weights from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitexplain.errors import UsageError
from vitexplain.models.building import build
from vitexplain.models.builtin import labels as builtin_labels
from vitexplain.models.builtin import network as builtin
from vitexplain.models.evaluation_transform import assumed, builtin_preprocess, fitted, timm_preprocess
from vitexplain.models.given_settings import Channels, ImageSize, given_settings
from vitexplain.models.label_files import LabelSource, label_notices
from vitexplain.models.labels import Labels
from vitexplain.models.loaded import LoadedModel
from vitexplain.models.meaning import AUTO, check_activation, meaning_of
from vitexplain.models.model_values import MAX_CLASSES
from vitexplain.models.placement import resolve_device, resolve_dtype
from vitexplain.models.pooling import set_pooling
from vitexplain.models.prompts import (
    Prompts,
    Templates,
    check_beside_prompts,
    check_comparable,
    prompt_notices,
    read_prompts,
    refuse_for_module,
)
from vitexplain.models.registry import BUILTIN
from vitexplain.models.training_settings import TrainingSettings
from vitexplain.models.wrap import require_module, wrap_model
from vitexplain.networks import recognise

if TYPE_CHECKING:
    import torch

_IN_WORDS = ", or ask in words with `prompts='a koala'` and others"


def load_model(
    model: str | torch.nn.Module = BUILTIN,
    *,
    weights: str | os.PathLike[str] | None = None,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    num_classes: int | None = None,
    prompts: str | Sequence[str] | None = None,
    templates: Templates | None = None,
    activation: str = AUTO,
    image_size: ImageSize | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    pool: str | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype | None = None,
    name: str | None = None,
) -> LoadedModel:
    """Return a model ready to run: "builtin", timm's name with or without a tag, a folder's path, or a torch module.

    Also "torchvision:NAME", "open_clip:NAME", "clip:NAME_OR_FOLDER", and a name on the hub ("hf-hub:OWNER/NAME", or
    without the prefix). A module (see wrap.py) has its own weights and classes, and stays where it is and in its
    precision unless `device` or `dtype` say otherwise. `name` is what it is called in results. For the others:

    Without `weights` a timm model gets its pretrained ones from the hub or its cache; with it, those in the file, and
    as many classes as its classifier has. A folder holds both (see folder.py). `num_classes` is checked against the
    weights (0: leave the classifier out). `prompts`, for a model of pictures and texts ("clip:NAME_OR_FOLDER"), are its
    classes in words ("a koala"); `templates` ("a photo of a {}.", several of them, a file, or "simple") are sentences
    that each prompt is put into, whose mean stands for it. `activation` says what the outputs are: auto, softmax,
    sigmoid or none (see meaning.py). `image_size` in pixels (384, "384x512", (height, width)), `mean` and `std` of red,
    green and blue from 0 to 1, and `pool` ("avg": the classifier reads the mean of the patches, "token": the class
    token) take precedence over the file of weights, this over a config.json beside it, this over timm's.
    UsageError: device, dtype, num_classes, activation or one of these cannot be; ModelError: name, weights or labels
    are not there or do not fit.
    """
    check_activation(activation)
    if not isinstance(model, str):
        require_module(model, {"weights": weights, "num_classes": num_classes})
        refuse_for_module(prompts, templates)
        return wrap_model(
            model,
            name=name,
            labels=labels,
            activation=activation,
            image_size=image_size,
            mean=mean,
            std=std,
            pool=pool,
            device=None if str(device) == "auto" else device,
            dtype=dtype,
        )
    asked = read_prompts(prompts, templates)
    if asked is not None:
        check_beside_prompts({"labels": labels, "num_classes": num_classes})
    given = given_settings(image_size, mean, std, pool)
    from vitexplain.capture import plain_context

    where, what = resolve_device(device), resolve_dtype("float32" if dtype is None else dtype)
    with plain_context():
        loaded = _load_named(model, weights, labels, num_classes, asked, activation, given, where, what)
    return loaded if name is None else replace(loaded, name=name)


def _load_named(
    name: str,
    weights: str | os.PathLike[str] | None,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None,
    num_classes: int | None,
    prompts: Prompts | None,
    activation: str,
    given: TrainingSettings,
    where: torch.device,
    what: torch.dtype,
) -> LoadedModel:
    """Return the model of this name."""
    if num_classes is not None and not 0 <= num_classes <= MAX_CLASSES:
        raise UsageError(f"num_classes {num_classes}: expected 0 (no classifier) to {MAX_CLASSES:,}")
    built = build(name, None if weights is None else Path(weights), num_classes, given, prompts)
    check_comparable(built.prompts, built.problem_type, activation)
    for parameter in built.module.parameters():
        parameter.requires_grad_(False)
    network = recognise(built.module.to(device=where, dtype=what).eval())
    set_pooling(network, given.pooling)
    classes = network.classes
    is_builtin = name == BUILTIN
    if is_builtin and labels is None and built.label_table is None and classes == builtin.CLASSES:
        labels = _builtin_labels()
    meaning = meaning_of(
        network,
        built.name,
        classes,
        activation=activation,
        labels=labels,
        metadata=built.label_table or network.configuration.get("label_names"),
        table=True,
        problem_type=built.problem_type,
    )
    usual, by_default = (builtin_preprocess(network), ()) if is_builtin else timm_preprocess(network)
    preprocess, told = fitted(usual, network, built.settings, given, built.trained_size)
    if built.origin.startswith(("file: ", "folder: ")) and "loaded_from" not in network.configuration:
        told += assumed(preprocess, built.name, built.settings, given)
    return LoadedModel(
        network=network,
        name=built.name,
        origin=built.origin,
        preprocess=preprocess,
        labels=meaning.labels,
        num_classes=meaning.num_classes,
        device=where,
        dtype=what,
        activation=meaning.activation,
        no_predictions=meaning.no_predictions + (_IN_WORDS if built.takes_prompts and not classes else ""),
        prompts=built.prompts,
        takes_prompts=built.takes_prompts,
        weights_file=built.file,
        notices=(
            *built.notices,
            *by_default,
            *told,
            *meaning.notices,
            *prompt_notices(built.prompts, built.problem_type, activation),
            *(label_notices(built.label_table, meaning.num_classes) if labels is None else ()),
        ),
    )


def _builtin_labels() -> Labels:
    table = builtin_labels.read_labels()
    return Labels([names for _, names in table], [wordnet_id for wordnet_id, _ in table])
