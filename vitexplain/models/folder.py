"""A folder that timm or the hub wrote (config.json beside the weights): its architecture, transform and labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.configuration import (
    architecture_of,
    arguments_of,
    label_table,
    problem_type_of,
    transform_of,
)
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.registry import check_possible_name, is_known
from vitexplain.models.training_settings import TrainingSettings

CONFIG = "config.json"

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_WRITTEN = f"expected a folder that timm or the hub wrote ({CONFIG} and {_WEIGHTS[0]})"

__all__ = [
    "CONFIG",
    "ModelFolder",
    "is_folder_name",
    "label_table",
    "labels_beside",
    "read_model_folder",
    "settings_beside",
]


@dataclass(frozen=True)
class ModelFolder:
    """What a folder says: timm's architecture and the options to build it, the file of weights, class names.

    `problem_type`: transformers' name of what the outputs answer, None where it is not said.
    """

    path: Path
    architecture: str
    options: Mapping[str, Any]
    weights: Path
    label_table: object
    problem_type: str | None = None


def is_folder_name(name: str) -> bool:
    """Whether the name of a model is meant as a path: timm's names hold no slash, and come before a folder's.

    UsageError: no model and no folder can have such a name.
    """
    check_possible_name(name)
    if "/" in name or os.sep in name:
        return True
    return Path(name).is_dir() and not is_known(name)


def read_model_folder(name: str, weights: Path | None = None) -> ModelFolder:
    """Return what the folder at the path `name` says, with its own weights or the file given.

    ModelError: it is no such folder, has no weights and none are given, or its values cannot be.
    """
    path = Path(name).expanduser()
    label = shown(name)
    if not path.is_dir():
        what = f"a file, {_WRITTEN}: weights alone are given with `weights=`, the name of their model with `model=`"
        raise ModelError(f"model {label}: {what if path.exists() else f'no such folder, {_WRITTEN}: check the name'}")
    if (path / "adapter_config.json").is_file():
        raise ModelError(
            f"model {label}: an adapter that is not merged (LoRA or its like): merge it, merged = "
            "model.merge_and_unload(), and give that module in Python, the folder of merged.save_pretrained (models of "
            "transformers), or torch.save(merged.state_dict(), 'weights.pth') as `weights=`"
        )
    try:
        config = _read_config(path / CONFIG)
    except ValueError as error:
        raise ModelError(
            f"model {label}: no readable {CONFIG} in it ({error}), {_WRITTEN}: or give `model=NAME` and `weights=FILE`"
        ) from None
    try:
        architecture = architecture_of(config)
        if architecture is None:
            raise ModelError(
                f"model {label}: its {CONFIG} names no timm architecture{_other_library(config)}, {_WRITTEN}: or give "
                "`model=NAME` and `weights=FILE`"
            )
        options = {**arguments_of(config), "pretrained": False, "pretrained_cfg_overlay": transform_of(config)}
        problem_type = problem_type_of(config)
    except ValueError as error:
        where = "model_args" if str(error).startswith("model_args") else "the value"
        raise ModelError(f"model {label}: its {CONFIG} cannot be used: {error}: check {where} in it") from None
    weights = weights or next((path / file for file in _WEIGHTS if (path / file).is_file()), None)
    if weights is None:
        raise ModelError(f"model {label}: neither {' nor '.join(_WEIGHTS)} in it, {_WRITTEN}: or add `weights=FILE`")
    return ModelFolder(path, architecture, options, weights, label_table(config), problem_type)


def labels_beside(weights: Path) -> object:
    """Return the class names in the config.json beside a file of weights, None for none."""
    try:
        return label_table(_read_config(weights.parent / CONFIG))
    except ValueError:
        return None


def settings_beside(weights: Path) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Return how pictures are prepared by timm's config.json beside a file of weights, and a notice if it is wrong."""
    try:
        config = _read_config(weights.parent / CONFIG)
    except ValueError:
        return TrainingSettings(), ()
    if "architecture" not in config and "pretrained_cfg" not in config:
        return TrainingSettings(), ()
    try:
        found = transform_of(config)
    except ValueError as error:
        return TrainingSettings(), (f"the {CONFIG} beside the weights is not used: {error}",)
    names = ("mean", "std", "interpolation", "crop_pct")
    return TrainingSettings(**{name: found.get(name) for name in names}), ()


def _other_library(config: Mapping[str, Any]) -> str:
    others = config.get("architectures")
    first = others[0] if isinstance(others, list) and others else None
    return f" (it describes {shown(first)[:60]}, of another library)" if isinstance(first, str) else ""


def _read_config(path: Path) -> dict[str, Any]:
    """Return the table in a config.json; ValueError with the reason: there is none."""
    try:
        config = parse_json(read_regular(path, MAX_BYTES))
    except UnreadableError as error:
        raise ValueError(error.reason) from None
    if not isinstance(config, dict):
        raise ValueError("no table in it")
    return config
