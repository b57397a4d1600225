"""What a checkpoint's own record of its training (`args`, `config`, `hyper_parameters` ...) says about the model."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from vitexplain.models.model_values import (
    Range3,
    as_class_count,
    as_fraction,
    as_interpolation,
    as_mean,
    as_pooling,
    as_size,
    as_std,
    in_shares,
)

_PLACES = ("args", "config", "cfg", "hyper_parameters", "hparams", "opt", "options", "model_args", "model_config")
_SIZES = ("img_size", "image_size", "imgsz", "input_size", "crop_size", "resolution", "train_size")
_MODELS = ("model", "arch", "model_name", "architecture", "backbone", "model_type", "backbone_name", "timm_model")
_CLASSES = ("num_classes", "nb_classes", "n_classes", "num_labels", "classes")
_NAMES = ("class_names", "classes", "class_to_idx", "idx_to_class", "label_names", "id2label", "labels", "categories")
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}(?:\.[A-Za-z0-9_]{1,100})?")


@dataclass(frozen=True)
class TrainingSettings:
    """The values that are of the right type and within their range; None for the others."""

    model: str | None = None
    image_size: tuple[int, int] | None = None
    mean: Range3 | None = None
    std: Range3 | None = None
    interpolation: str | None = None
    crop_pct: float | None = None
    pooling: str | None = None
    classes: int | None = None

    def before(self, other: TrainingSettings) -> TrainingSettings:
        """Return these settings, and those of the `other` where these say nothing."""
        here = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        return replace(other, **here)


def settings_of(content: Mapping[Any, Any]) -> TrainingSettings:
    """Return what the checkpoint says, the first place that says something counting."""
    found = TrainingSettings()
    top = {key: content[key] for key in ("arch", "model_name", "architecture", *_SIZES[:2]) if key in content}
    for table in (*(_table(content.get(place)) for place in _PLACES), top):
        found = found.before(_read(table))
    return found


def class_table(content: Mapping[Any, Any]) -> object:
    """Return the class names in a checkpoint, as they are there, None for none."""
    for table in (content, *(_table(content.get(place)) for place in _PLACES)):
        for key in _NAMES:
            names = table.get(key)
            if (
                isinstance(names, Mapping | list | tuple)
                and names
                and not any(hasattr(name, "shape") for name in names)
            ):
                return names
    return None


def _read(table: Mapping[Any, Any]) -> TrainingSettings:
    inner = _table(table.get("data"))
    first = {**inner, **table}
    model = next((first[key] for key in _MODELS if isinstance(first.get(key), str)), None)
    # One number may be the deviation with which weights were drawn.
    channels = {key: value for key in ("mean", "std") if isinstance(value := first.get(key), list | tuple)}
    mean, std = in_shares(as_mean(channels.get("mean")), as_std(channels.get("std")))
    return TrainingSettings(
        model=model if model is not None and _NAME.fullmatch(model) else None,
        image_size=next((size for key in _SIZES if (size := as_size(_plane(first.get(key))))), None),
        mean=mean,
        std=std,
        interpolation=as_interpolation(first.get("interpolation")),
        crop_pct=as_fraction(first.get("crop_pct")),
        pooling=as_pooling(first.get("global_pool", first.get("pool"))),
        classes=next((count for key in _CLASSES if (count := as_class_count(first.get(key))) is not None), None),
    )


def _plane(value: object) -> object:
    """Return the height and width of channels x height x width, as timm's training gives it; else the value."""
    return value[1:] if isinstance(value, list | tuple) and len(value) == 3 else value


def _table(value: object) -> Mapping[Any, Any]:
    """Return the settings as a table: a mapping, or the attributes of a Namespace."""
    if isinstance(value, argparse.Namespace):
        return vars(value)
    return value if isinstance(value, Mapping) else {}
