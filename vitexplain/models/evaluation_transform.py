"""The Preprocess of a network: timm's own evaluation transform for a named model, and the built-in model's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from vitexplain.errors import ModelError
from vitexplain.images import CropMode, Preprocess
from vitexplain.models.builtin import network as builtin
from vitexplain.models.image_processor import known_transform
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import Network


def builtin_preprocess() -> Preprocess:
    """Return the built-in model's: the largest square in the middle of the picture, at 224 pixels."""
    return Preprocess(
        size=(builtin.SIZE, builtin.SIZE),
        crop_pct=1.0,
        crop_mode="center",
        interpolation=builtin.INTERPOLATION,
        mean=builtin.MEAN,
        std=builtin.STD,
        patch=(builtin.PATCH, builtin.PATCH),
        flexible=True,
    )


def timm_preprocess(network: Network) -> Preprocess:
    """Return what timm's `resolve_data_config` says for the network, at the size that it was built for.

    A network of transformers is described to it by its image processor.
    """
    known = known_transform(network.configuration)[0] or {"num_classes": 0}
    config: Mapping[str, object] = import_timm().data.resolve_data_config(pretrained_cfg=known)
    size = network.pixels
    input_size = cast("tuple[int, int, int]", config["input_size"])
    if input_size[0] != 3:
        raise ModelError(f"the model takes {input_size[0]} channels, expected 3 (RGB): use a model for colour pictures")
    return Preprocess(
        size=size.built_for or (input_size[1], input_size[2]),
        crop_pct=float(cast("float", config["crop_pct"])),
        crop_mode=cast("CropMode", config["crop_mode"]),
        interpolation=str(config["interpolation"]),
        mean=_three(config["mean"]),
        std=_three(config["std"]),
        patch=size.patch,
        flexible=size.flexible,
        resizer=known.get("resizer", "pillow"),
        centre=known.get("centre", "nearest"),
    )


def _three(values: object) -> tuple[float, float, float]:
    red, green, blue = cast("tuple[float, float, float]", values)
    return float(red), float(green), float(blue)
