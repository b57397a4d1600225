"""preprocessor_config.json, in which transformers keeps how pictures are prepared, in the words of timm."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.model_values import Range3, as_mean, as_number, as_size, as_std

_FILES = ("preprocessor_config.json", "processor_config.json")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}")
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers of its filters."""
_BYTE = 255.0
_MOST_BORDER = 8
"""A crop of more pixels than there are has a border; so many times as many are taken for a mistake."""


def known_transform(configuration: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return an adapter's configuration with what the model's own image processor says, and a notice if there is none.

    `loaded_from` in the configuration is the folder or the name on the hub that the model comes from; of the hub only
    the cache is looked at. A configuration without the key belongs to a library without such files: it stays as it is.
    ModelError: a file whose values cannot be.
    """
    known = dict(configuration)
    if "loaded_from" not in known:
        return known, ()
    loaded_from = known.pop("loaded_from")
    known |= {"resizer": "torchvision", "centre": "down"}
    file = None if loaded_from is None else _file(str(loaded_from))
    if file is None:
        mean, std = (", ".join(f"{value:.3g}" for value in known[key]) for key in ("mean", "std"))
        return known, (
            f"no {_FILES[0]} came with the model: pictures are prepared as transformers does by default (mean {mean}; "
            f"std {std})",
        )
    return {**known, **_read(file, known)}, ()


def _file(loaded_from: str) -> Path | None:
    """Return the file in the folder, or in the hub's cache of the repository; None: there is none."""
    folder = Path(loaded_from).expanduser()
    if folder.is_dir():
        return next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if not REPOSITORY.fullmatch(loaded_from):
        return None
    import huggingface_hub as hub

    found = (hub.try_to_load_from_cache(loaded_from, name) for name in _FILES)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _read(file: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    try:
        table = parse_json(read_regular(file, MAX_BYTES))
        inner = table.get("image_processor") if isinstance(table, dict) else None
        table = inner if isinstance(inner, dict) else table
        if not isinstance(table, dict):
            raise ValueError("no table in it")
        return transform_from(table, known)
    except UnreadableError as error:
        raise ModelError(f"{shown(str(file))}: {error.reason}: check the model's folder") from None
    except ValueError as error:
        raise ModelError(f"{shown(str(file))} cannot be used: {error}: check the value in it") from None


def transform_from(table: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return input size, crop, filter, mean and std of an image processor, in timm's form.

    `known` is what counts where the table says nothing. ValueError names the first value that cannot be.
    """
    found: dict[str, Any] = {}
    if table.get("do_resize", True):
        found |= _sizes(table, known)
    if "resample" in table:
        found["interpolation"] = _checked("resample", table, _FILTERS.get, "a number of Pillow's filters, from 0 to 5")
    mean, std = known["mean"], known["std"]
    if not table.get("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    else:
        mean = _checked("image_mean", table, as_mean, "three numbers, [0.5, 0.5, 0.5]") or mean
        std = _checked("image_std", table, as_std, "three numbers above 0, [0.5, 0.5, 0.5]") or std
    factor = _checked("rescale_factor", table, _factor, "a number above 0, such as 0.00392") or 1 / _BYTE
    # What is prepared here are shares of 255; other pixels have another mean and deviation.
    scale = _BYTE * factor if table.get("do_rescale", True) else _BYTE
    if not math.isclose(scale, 1.0, rel_tol=1e-6):
        mean, std = _divided(mean, scale), _divided(std, scale)
    return {**found, "mean": mean, "std": std}


def _sizes(table: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input size and what is cropped: pictures are stretched to a size, or their short side is reduced."""
    crop = _checked("crop_size", table, _size, "pixels, 224") if table.get("do_center_crop") else None
    size = table.get("size")
    if size is None:
        return {} if crop is None else {"input_size": (3, *crop)}
    shortest = size.get("shortest_edge") if isinstance(size, Mapping) else size
    if shortest is not None and (isinstance(size, Mapping) or known["crop_mode"] == "center"):
        short = _checked("size", {"size": shortest}, _size, "pixels, 224")
        assert short is not None
        height, width = crop or short
        return {"input_size": (3, height, width), "crop_mode": "center", "crop_pct": _share(height, short[0])}
    resized = _checked("size", table, _size, "pixels, {'height': 224, 'width': 224} or {'shortest_edge': 224}")
    assert resized is not None
    height, width = crop or resized
    return {"input_size": (3, height, width), "crop_mode": "squash", "crop_pct": _share(height, resized[0])}


def _size(value: object) -> tuple[int, int] | None:
    """Return (height, width) from pixels, a pair of them, or a table with both."""
    if isinstance(value, Mapping):
        value = [value.get("height"), value.get("width")]
    return as_size(value)


def _share(part: int, whole: int) -> float:
    """Return the share that timm's transform reads back as `whole` pixels for `part`: it rounds down."""
    share = part / whole
    exact = share if math.floor(part / share) == whole else part / (whole + 0.25)
    if exact > _MOST_BORDER:
        raise ValueError(f"crop_size is {part} of {whole} pixels, expected at most {_MOST_BORDER} times as many")
    return exact


def _factor(value: object) -> float | None:
    return as_number(value, 1e-9, 1e3)


def _divided(values: Range3, by: float) -> Range3:
    red, green, blue = values
    return red / by, green / by, blue / by


def _checked(key: str, table: Mapping[str, Any], read: Any, words: str) -> Any:
    """Return the value as `read` reads it, None where there is none; ValueError: it cannot be."""
    value = table.get(key)
    if value is None:
        return None
    try:
        found = read(value)
    except TypeError:  # a list where a number should be
        found = None
    if found is None:
        text = ascii(value)
        raise ValueError(f"{key} is {text if len(text) <= 60 else f'{text[:57]}...'}, expected {words}")
    return found
