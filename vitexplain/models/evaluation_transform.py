"""The Preprocess of a network: timm's own evaluation transform for a named model, and the built-in model's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from vitexplain.errors import ModelError, UsageError
from vitexplain.images import CropMode, Preprocess
from vitexplain.models.builtin import network as builtin
from vitexplain.models.given_settings import require_whole_patches
from vitexplain.models.image_processor import known_transform
from vitexplain.models.looks import sides
from vitexplain.models.timm_import import import_timm
from vitexplain.models.training_settings import TrainingSettings
from vitexplain.networks import Network, Pixels

_CHANGED = ("mean", "std", "interpolation", "crop_pct")
"""Fields of a Preprocess that settings of a training name, too."""


def builtin_preprocess(network: Network | None = None) -> Preprocess:
    """Return the built-in model's: the largest square in the middle of the picture, at 224 pixels.

    For a `network` with other weights, built for another size, at that size.
    """
    own = Pixels((builtin.SIZE, builtin.SIZE), (builtin.PATCH, builtin.PATCH), flexible=True)
    pixels = network.pixels if network is not None else own
    return Preprocess(
        size=pixels.built_for or (builtin.SIZE, builtin.SIZE),
        crop_pct=1.0,
        crop_mode="center",
        interpolation=builtin.INTERPOLATION,
        mean=builtin.MEAN,
        std=builtin.STD,
        patch=pixels.patch,
        flexible=pixels.flexible,
    )


def timm_preprocess(network: Network) -> tuple[Preprocess, tuple[str, ...]]:
    """Return what timm's `resolve_data_config` says for the network, at the size that it was built for, and notices.

    A network of transformers is described to it by its image processor; a notice says if there is none.
    """
    known, notices = known_transform(network.configuration)
    known = known or {"num_classes": 0}
    config: Mapping[str, object] = import_timm().data.resolve_data_config(pretrained_cfg=known)
    size = network.pixels
    input_size = cast("tuple[int, int, int]", config["input_size"])
    if input_size[0] != 3:
        raise ModelError(f"the model takes {input_size[0]} channels, expected 3 (RGB): use a model for colour pictures")
    usual = Preprocess(
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
    return usual, notices


def fitted(
    usual: Preprocess,
    network: Network,
    found: TrainingSettings,
    given: TrainingSettings,
    trained_size: tuple[int, int] | None = None,
) -> tuple[Preprocess, tuple[str, ...]]:
    """Return the Preprocess `usual` for the network, changed by what was `found` with its weights and what was given.

    What was given takes precedence; found settings that change something, and a size other than that of the training
    (`trained_size`, height and width in pixels; None: the network's own), are told in notices.
    UsageError: a size given that the network does not take.
    """
    notices = []
    changed = {name: value for name in _CHANGED if (value := getattr(found, name)) not in (None, getattr(usual, name))}
    changed = {name: value for name, value in changed.items() if getattr(given, name) is None}
    if changed:
        listed = ", ".join(f"{name} {_shown(value)}" for name, value in changed.items())
        notices.append(f"pictures are prepared as the weights' file or the config.json beside it says: {listed}")
    changed |= {name: value for name in _CHANGED if (value := getattr(given, name)) is not None}
    trained, size = trained_size or usual.size, given.image_size or usual.size
    if size != usual.size and not usual.flexible:
        inner = getattr(network, "inner", network).module
        flexible = ", or create the module with dynamic_img_size=True" if hasattr(inner, "dynamic_img_size") else ""
        raise UsageError(
            f"image_size {size[0]}x{size[1]}: this model takes pictures of {sides(usual.size)} pixels only: leave it "
            f"out{flexible}"
        )
    if given.image_size and size != trained:
        require_whole_patches(size, usual.patch)
        positions = any(re.search(r"pos_?(?:ition_)?embed", name) for name, _ in network.module.named_parameters())
        notices.append(
            f"pictures of {sides(size)} pixels (height x width) as given, the weights were trained at {sides(trained)}"
            f"{': their position embeddings are interpolated' if positions else ''}"
        )
    same = size == usual.size and not changed
    return usual if same else replace(usual, size=size, **changed), tuple(notices)


def assumed(prepared: Preprocess, name: str, *said: TrainingSettings) -> tuple[str, ...]:
    """Return a notice of the mean and the std that are the model's usual ones, as nothing with its weights says any."""
    silent = [each for each in ("mean", "std") if all(getattr(settings, each) is None for settings in said)]
    if not silent:
        return ()
    values = " and ".join(f"{each} {_shown(getattr(prepared, each))}" for each in silent)
    options = " and ".join(f"`{each}=`" for each in silent)
    return (
        f"nothing with the weights says how their pictures were normalised: taken are {name}'s usual {values}; if "
        f"yours were others, give {options}",
    )


def _shown(value: object) -> str:
    return ",".join(f"{part:.4g}" for part in value) if isinstance(value, tuple) else str(value)


def _three(values: object) -> tuple[float, float, float]:
    red, green, blue = cast("tuple[float, float, float]", values)
    return float(red), float(green), float(blue)
