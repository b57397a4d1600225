"""Masks: pictures whose samples say where something is, not what colour it has."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from vitexplain.images.decoding import decode_samples
from vitexplain.images.files import read_file, shown
from vitexplain.images.picture import DEFAULT_MAX_PIXELS

_COLOURS = {"LA": 1, "PA": 1, "La": 1, "RGBA": 3, "RGBa": 3}
"""Modes with transparency, and how many channels stand before it."""


def open_mask(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> npt.NDArray[np.bool_]:
    """Return (height, width), upright: True where a sample, or an index of a palette, is not 0.

    What is fully transparent is 0. InputError: the file cannot be read; LimitError: it has more than `max_pixels`.
    """
    image = decode_samples(read_file(path), shown(os.fspath(path)), max_pixels)
    samples = np.asarray(image)
    inside: npt.NDArray[np.bool_] = samples != 0
    if image.mode in _COLOURS:
        alpha = _COLOURS[image.mode]
        inside = inside[..., :alpha].any(-1, keepdims=True) & inside[..., alpha:]
    return inside if inside.ndim == 2 else np.any(inside, -1)
