"""What a user says about a model's training: the size of its pictures, their mean and std, its pooling."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index

from vitexplain.errors import UsageError
from vitexplain.images.files import shown
from vitexplain.models.model_values import Range3, as_mean, as_size, as_std, in_shares
from vitexplain.models.training_settings import TrainingSettings

ImageSize = int | str | Iterable[int]
"""Pixels of a square's side, "384" or "384x512" (height x width), or (height, width)."""
Channels = str | float | Iterable[float]
"""One number for all channels, "0.5,0.5,0.5", or three numbers: red, green, blue."""

POOLINGS = ("avg", "token")
MOST_PATCHES = 80 * 80
"""A model is given at most so many patches, 1,120 pixels in patches of 14: attention grows with their square."""


def given_settings(
    image_size: ImageSize | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    pool: str | None = None,
) -> TrainingSettings:
    """Return what was given, in its types; UsageError: a value that cannot be."""
    if pool is not None and pool not in POOLINGS:
        raise UsageError(f"pool {_shown(pool)}: expected avg (the mean of the patches) or token (the class token)")
    means, stds = in_shares(_channels("mean", mean), _channels("std", std))
    return TrainingSettings(image_size=_size(image_size), mean=means, std=stds, pooling=pool)


def require_whole_patches(size: tuple[int, int], patch: tuple[int, int]) -> None:
    """Raise UsageError for a size (height, width) in pixels that is no whole patches, or too many."""
    given = f"image_size {size[0]}x{size[1]}"
    rows, cols = size[0] // patch[0], size[1] // patch[1]
    if (rows * patch[0], cols * patch[1]) != size:
        near = f"{max(1, rows) * patch[0]}x{max(1, cols) * patch[1]}"
        raise UsageError(
            f"{given}: expected multiples of the patch, {patch[0]} x {patch[1]} pixels: give `image_size={near}`"
        )
    if rows * cols > MOST_PATCHES:
        raise UsageError(f"{given}: {rows * cols:,} patches, expected at most {MOST_PATCHES:,}")


def _size(given: ImageSize | None) -> tuple[int, int] | None:
    if given is None:
        return None
    try:
        if isinstance(given, str):
            sides = [int(side) for side in given.split("x", 2)]
        else:
            sides = [index(side) for side in given] if isinstance(given, Iterable) else [index(given)]
    except (TypeError, ValueError):
        sides = []
    size = as_size(sides * 2 if len(sides) == 1 else sides) if len(sides) in (1, 2) else None
    if size is None:
        raise UsageError(f"image_size {_shown(given)}: expected pixels, such as 384 or 384x512 (height x width)")
    return size


def _channels(name: str, given: Channels | None) -> Range3 | None:
    if given is None:
        return None
    try:
        parts = given.split(",", 3) if isinstance(given, str) else given if isinstance(given, Iterable) else [given]
        values: object = [float(part) for part in parts]
    except (TypeError, ValueError):
        values = None
    read = (as_mean if name == "mean" else as_std)(values)
    if read is None:
        numbers = "numbers" if name == "mean" else "numbers above 0"
        raise UsageError(
            f"{name} {_shown(given)}: expected three {numbers} for red, green and blue (pixels from 0 to 1), such as "
            f"`{name}=0.5,0.5,0.5`"
        )
    return read


def _shown(given: object) -> str:
    text = shown(str(given))
    return f"'{text[:40]}'" if len(text) <= 40 else f"'{text[:40]}...'"
