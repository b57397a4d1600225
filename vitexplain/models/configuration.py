"""config.json of a model's folder, nested or flat as in 2022: its values are checked before they are used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from vitexplain.models.labels import Labels
from vitexplain.models.model_values import (
    MAX_CLASSES,
    as_class_count,
    as_count,
    as_fraction,
    as_interpolation,
    as_mean,
    as_number,
    as_pooling,
    as_size,
    as_std,
    in_shares,
)
from vitexplain.networks import are_placeholders

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
"""What transformers calls the kinds of problems."""

_NAME = re.compile(r"[A-Za-z0-9_\-:/]{1,100}(?:\.[A-Za-z0-9_\-]{1,100})?")

_TRANSFORM: dict[str, tuple[Callable[[object], object], str]] = {
    "input_size": (lambda value: _input_size(value), "three sizes, [3, 224, 224]"),
    "mean": (as_mean, "three numbers, [0.5, 0.5, 0.5]"),
    "std": (as_std, "three numbers above 0, [0.5, 0.5, 0.5]"),
    "interpolation": (as_interpolation, "bilinear, bicubic, nearest, lanczos, box or hamming"),
    "crop_pct": (as_fraction, "a number above 0 and up to 2"),
    "crop_mode": (lambda value: value if value in ("center", "squash", "border") else None, "center, squash or border"),
    "fixed_input_size": (lambda value: value if isinstance(value, bool) else None, "true or false"),
    "num_classes": (as_class_count, f"a whole number from 0 to {MAX_CLASSES:,}"),
    "first_conv": (lambda value: _names(value), "the name of a module"),
    "classifier": (lambda value: _names(value), "the name of a module"),
}
"""Fields of timm's configuration that say how the model is used; its addresses and files are left out."""

_DROPPED = frozenset(
    {"checkpoint_path", "cache_dir", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict"}
    | {
        "scriptable",
        "exportable",
        "no_jit",
        "features_only",
        "out_indices",
        "weight_init",
        "kwargs_filter",
        "file",
        "state_dict",
        "url",
    }
)
"""Options of timm's create_model that say where to load from, or to build something else than the network."""

_SIDES = "pixels, 224 or [224, 224]"
_ARGUMENTS: dict[str, tuple[Callable[[object], object], str]] = {
    "img_size": (as_size, _SIDES),
    "patch_size": (lambda value: _patch(value), "pixels from 1 to 1,024"),
    "embed_dim": (lambda value: as_count(value, 1, 16_384), "a whole number from 1 to 16,384"),
    "depth": (lambda value: as_count(value, 1, 512), "a whole number from 1 to 512"),
    "num_heads": (lambda value: as_count(value, 1, 1_024), "a whole number from 1 to 1,024"),
    "in_chans": (lambda value: as_count(value, 1, 64), "a whole number from 1 to 64"),
    "reg_tokens": (lambda value: as_count(value, 0, 1_024), "a whole number from 0 to 1,024"),
    "mlp_ratio": (lambda value: as_number(value, 0.01, 64), "a number from 0.01 to 64"),
    "num_classes": (as_class_count, f"a whole number from 0 to {MAX_CLASSES:,}"),
    "global_pool": (lambda value: "" if value == "" else as_pooling(value), "token, avg or map"),
}
_LARGEST = 100_000


def transform_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the configuration that say how the model is used; ValueError names the first wrong one.

    They stand in `pretrained_cfg`, or, as timm wrote them in 2022, in the table itself.
    """
    inner = config.get("pretrained_cfg")
    if inner is not None and not isinstance(inner, Mapping):
        raise ValueError(f"pretrained_cfg is {_shown(inner)}, expected a table")
    values = _checked(_TRANSFORM, config if inner is None else inner)
    if inner is not None and config.get("num_classes") is not None:
        values |= _checked(_TRANSFORM, {"num_classes": config["num_classes"]})
    for name, numbers in zip(("mean", "std"), in_shares(values.get("mean"), values.get("std")), strict=True):
        if numbers is not None:
            values[name] = numbers
    return values


def arguments_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which timm builds the network; ValueError names the first one of a wrong type or range.

    What says where weights are is dropped: they are those of the folder.
    """
    arguments = config.get("model_args")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise ValueError(f"model_args is {_shown(arguments)}, expected a table")
    given = {key: value for key, value in arguments.items() if key not in _DROPPED}
    for key, value in given.items():
        if key not in _ARGUMENTS and not _is_simple(value):
            raise ValueError(f"model_args: {key[:40]} is {_shown(value)}, expected a plain value")
    options = {**given, **_checked(_ARGUMENTS, given, "model_args: ")}
    pooling = config.get("global_pool")
    if "global_pool" not in options and isinstance(pooling, str):
        options |= _checked(_ARGUMENTS, {"global_pool": pooling})
    return options


def problem_type_of(config: Mapping[str, Any]) -> str | None:
    """Return transformers' name of the problem that the outputs answer; None: none; ValueError: no such name."""
    problem = config.get("problem_type")
    if problem is None or problem in PROBLEM_TYPES:
        return problem
    raise ValueError(f"problem_type is {_shown(problem)}, expected {', '.join(PROBLEM_TYPES)}")


def architecture_of(config: Mapping[str, Any]) -> str | None:
    """Return timm's name of the architecture without its tag; None: none; ValueError: it cannot be a name."""
    name = config.get("architecture")
    if name is None or (isinstance(name, str) and _NAME.fullmatch(name)):
        return None if name is None else name.partition(".")[0]
    raise ValueError(f"architecture is {_shown(name)}, expected a name of timm")


def label_table(config: Mapping[str, Any]) -> object:
    """Return the class names in a configuration (timm's `label_names`, transformers' `id2label`, `labels`), or None.

    timm's names are WordNet ids where it knows descriptions of them: then Labels with both. What transformers writes
    where nobody gave names (LABEL_0) are none.
    """
    inner = config.get("pretrained_cfg")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        for key in ("label_names", "id2label", "labels"):
            names = place.get(key)
            descriptions = place.get("label_descriptions")
            if (
                isinstance(names, list)
                and isinstance(descriptions, Mapping)
                and all(isinstance(name, str) and isinstance(descriptions.get(name), str) for name in names)
            ):
                return Labels([descriptions[name].split(", ") for name in names], names)
            if isinstance(names, Mapping | list) and names and not are_placeholders(names):
                return names
    return None


def _checked(
    fields: Mapping[str, tuple[Callable[[object], object], str]], values: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """Return the values of the known fields, each as its type; null counts as not given."""
    checked = {}
    for key, (read, words) in fields.items():
        value = values.get(key)
        if value is None:
            continue
        read_value = read(value)
        if read_value is None:
            raise ValueError(f"{where}{key} is {_shown(value)}, expected {words}")
        checked[key] = read_value
    return checked


def _input_size(value: object) -> tuple[int, int, int] | None:
    size = as_size(value)
    if size is None or not isinstance(value, list) or len(value) != 3:
        return None
    channels = as_count(value[0], 1, 64)
    return None if channels is None else (channels, *size)


def _patch(value: object) -> object:
    if isinstance(value, list) and len(value) == 2 and all(as_count(side, 1, 1_024) for side in value):
        return tuple(value)
    return as_count(value, 1, 1_024)


def _names(value: object) -> object:
    if isinstance(value, list) and 0 < len(value) <= 4 and all(_names(name) for name in value):
        return tuple(value)
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.]{1,100}", value) else None


def _is_simple(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= 64 and all(not isinstance(part, list) and _is_simple(part) for part in value)
    if isinstance(value, str):
        return len(value) <= 100 and value.isprintable()
    return value is None or isinstance(value, bool) or as_number(value, -_LARGEST, _LARGEST) is not None


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
