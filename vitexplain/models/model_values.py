"""The values that configurations name: each is returned in its type and within its range, or is None."""

from __future__ import annotations

import math

Range3 = tuple[float, float, float]

MAX_CLASSES = 1_000_000
MAX_PIXELS = 16_384
_LARGEST_SHARE = 2.0
_INTERPOLATIONS = frozenset({"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"})
_POOLINGS = frozenset({"", "token", "avg", "avgmax", "max", "map", "cls", "mean"})


def as_count(value: object, low: int, high: int) -> int | None:
    """Return a whole number from `low` to `high`; no True, no text, no 2.0."""
    return value if type(value) is int and low <= value <= high else None


def as_number(value: object, low: float, high: float) -> float | None:
    """Return a finite number from `low` to `high`."""
    if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
        return None
    return float(value) if math.isfinite(value) else None  # type: ignore[arg-type]


def as_class_count(value: object) -> int | None:
    """Return a number of classes, 0 for none."""
    return as_count(value, 0, MAX_CLASSES)


def as_fraction(value: object) -> float | None:
    """Return a share of a picture above 0, up to 2 (more than all of it, with a border)."""
    number = as_number(value, 0, 2)
    return number if number else None


def as_mean(value: object) -> Range3 | None:
    """Return the mean of three channels, or of one for all: within what pixels from 0 to 255 allow."""
    return _three(value, -255, 255)


def as_std(value: object) -> Range3 | None:
    """Return the standard deviation of three channels, or of one for all: above 0."""
    return _three(value, 1e-6, 1e6)


def in_shares(mean: Range3 | None, std: Range3 | None) -> tuple[Range3 | None, Range3 | None]:
    """Return mean and std of pixels from 0 to 1; those of pixels from 0 to 255, told by values above 2, divided."""
    if max(*(mean or (0, 0)), *(std or (0, 0))) <= _LARGEST_SHARE:
        return mean, std
    return _divided(mean), _divided(std)


def as_size(value: object) -> tuple[int, int] | None:
    """Return pixels (height, width) from 384, "384", [384, 512] or [3, 384, 512]."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        value = int(value)
    if type(value) is int:
        value = [value, value]
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return None
    height, width = (as_count(side, 8, MAX_PIXELS) for side in value[-2:])
    return (height, width) if height and width else None


def as_interpolation(value: object) -> str | None:
    """Return the name of a filter of Pillow's, as timm writes it."""
    return value if isinstance(value, str) and value in _INTERPOLATIONS else None


def as_pooling(value: object) -> str | None:
    """Return timm's word for a pooling; True, as in the recipes of MAE, means the average."""
    if value is True:
        return "avg"
    words = {"cls": "token", "mean": "avg"}
    return words.get(value, value) if isinstance(value, str) and value and value in _POOLINGS else None


def _divided(values: Range3 | None) -> Range3 | None:
    return None if values is None else (values[0] / 255, values[1] / 255, values[2] / 255)


def _three(value: object, low: float, high: float) -> Range3 | None:
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) not in (1, 3):
        return None
    numbers = [as_number(part, low, high) for part in (values if len(values) == 3 else [values[0]] * 3)]
    red, green, blue = numbers
    return (red, green, blue) if red is not None and green is not None and blue is not None else None
