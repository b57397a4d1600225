"""A folder that timm or the hub wrote (config.json beside the weights): its architecture, transform and labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitexplain.errors import ModelError
from vitexplain.models.labels import Labels
from vitexplain.models.registry import is_known

CONFIG = "config.json"

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_WRITTEN = f"expected a folder that timm or the hub wrote ({CONFIG} and {_WEIGHTS[0]})"
_TRANSFORM = frozenset(
    {"input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode", "fixed_input_size", "num_classes"}
    | {"first_conv", "classifier"}
)
"""Fields of timm's configuration that say how the model is used; its addresses on the hub are left out."""


@dataclass(frozen=True)
class ModelFolder:
    """What a folder says: timm's architecture and the options to build it, the file of weights, class names."""

    path: Path
    architecture: str
    options: Mapping[str, Any]
    weights: Path
    label_table: object


def is_folder_name(name: str) -> bool:
    """Whether the name of a model is meant as a path: timm's names hold no slash, and come before a folder's."""
    if "/" in name or os.sep in name:
        return True
    return Path(name).is_dir() and not is_known(name)


def read_model_folder(name: str) -> ModelFolder:
    """Return what the folder at the path `name` says; ModelError: it is no such folder."""
    path = Path(name).expanduser()
    if not path.is_dir():
        what = f"a file, {_WRITTEN}: for weights alone use --weights with the name of their model as --model"
        raise ModelError(f"model {name}: {what if path.exists() else f'no such folder, {_WRITTEN}: check the name'}")
    config = _read_config(path / CONFIG)
    if config is None:
        raise ModelError(f"model {name}: no readable {CONFIG} in it, {_WRITTEN}: or use --model NAME --weights FILE")
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        others = config.get("architectures")
        kind = f" (it describes {others[0]}, of another library)" if isinstance(others, list) and others else ""
        raise ModelError(
            f"model {name}: its {CONFIG} names no timm architecture{kind}, {_WRITTEN}: or use --model NAME "
            "--weights FILE"
        )
    weights = next((path / file for file in _WEIGHTS if (path / file).is_file()), None)
    if weights is None:
        raise ModelError(f"model {name}: neither {' nor '.join(_WEIGHTS)} in it, {_WRITTEN}: or add --weights FILE")
    return ModelFolder(path, architecture.partition(".")[0], _options(config), weights, label_table(config))


def labels_with(weights: Path) -> object:
    """Return the class names that come with a file of weights, None for none.

    Those in the metadata of a .safetensors file, else those in a config.json beside it.
    """
    if weights.suffix.lower() == ".safetensors":
        table = label_table(_parsed(_metadata(weights)))
        if table is not None:
            return table
    return label_table(_read_config(weights.parent / CONFIG) or {})


def label_table(config: Mapping[str, Any]) -> object:
    """Return the class names in a configuration (timm's `label_names`, transformers' `id2label`, `labels`), or None.

    timm's names are WordNet ids where it knows descriptions of them: then Labels with both.
    """
    inner = config.get("pretrained_cfg")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        for key in ("label_names", "id2label", "labels"):
            names = place.get(key)
            descriptions = place.get("label_descriptions")
            if (
                isinstance(names, list)
                and isinstance(descriptions, Mapping)
                and all(name in descriptions for name in names)
            ):
                return Labels([str(descriptions[name]).split(", ") for name in names], [str(name) for name in names])
            if isinstance(names, Mapping | list) and names:
                return names
    return None


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what timm's create_model is given."""
    inner = config.get("pretrained_cfg")
    overlay = {key: value for key, value in inner.items() if key in _TRANSFORM} if isinstance(inner, Mapping) else {}
    arguments = config.get("model_args")
    options = dict(arguments) if isinstance(arguments, Mapping) else {}
    if "global_pool" not in options and isinstance(config.get("global_pool"), str):
        options["global_pool"] = config["global_pool"]
    return {**options, "pretrained": False, "pretrained_cfg_overlay": overlay}


def _read_config(path: Path) -> dict[str, Any] | None:
    try:
        config = json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None


def _metadata(weights: Path) -> Mapping[str, str]:
    from safetensors import safe_open

    try:
        with safe_open(weights, framework="numpy") as file:
            return file.metadata() or {}
    except Exception:  # what is wrong with the file is told when its tensors are read
        return {}


def _parsed(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata with its values, which are always text, read as JSON where they are."""
    parsed: dict[str, Any] = {}
    for key, text in metadata.items():
        try:
            parsed[key] = json.loads(text)
        except (ValueError, RecursionError):
            parsed[key] = text.split("\n") if "\n" in text else text
    return parsed
