"""Greys of more than 8 bits, signed ones and floats, to 8 bits: by their depth if known, else by their range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from vitexplain.images.parts import Box, parts
from vitexplain.images.samples import Samples

_DEPTHS = (8, 10, 12, 14, 16)


def are_greys(image: Image.Image, samples: Samples) -> bool:
    """Return whether the picture has single numbers that Pillow itself would clip or misread."""
    return image.mode == "F" or image.mode.startswith("I") or (image.mode == "L" and samples.kind == "signed")


def greys_to_rgb(image: Image.Image, samples: Samples) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in RGB, and notices where a range of values had to be chosen. Memory: the two pictures'."""
    black, white, notices = _range(image, samples)
    rgb = Image.new("RGB", image.size)
    for box, values in _numbers(image, samples):
        grey = scaled(values - black if black else values, white - black)
        if samples.white_is_zero:
            grey = 255 - grey
        if samples.transparent is not None:
            grey[values == samples.transparent] = 255
        rgb.paste(Image.fromarray(grey), box)
    return rgb, notices


def scaled(values: np.ndarray, full: float) -> np.ndarray:
    """Return the values as uint8: 0 becomes 0, `full` 255, and what is outside becomes the nearer of them."""
    eight: np.ndarray = np.rint(values.astype(np.float64) * 255.0 / full).clip(0, 255).astype(np.uint8)
    return eight


def _numbers(image: Image.Image, samples: Samples) -> Iterator[tuple[Box, np.ndarray]]:
    """Yield the picture's numbers in parts: those of the file where Pillow took signed for unsigned or vice versa."""
    for box, part in parts(image):
        values = np.asarray(part)
        if image.mode == "L" and samples.kind == "signed":
            values = values.view(np.int8)
        elif image.mode == "I" and samples.kind == "unsigned":
            values = values.view(np.uint32)
        elif image.mode.startswith("I;16") and samples.kind == "signed":
            values = values.astype(np.uint16).view(np.int16)
        elif values.dtype.kind == "f":
            values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        yield box, values


def _range(image: Image.Image, samples: Samples) -> tuple[float, float, tuple[str, ...]]:
    """Return the values of black and white, and notices on how they were chosen."""
    if samples.exact and samples.significant is None:
        return 0.0, _full(samples.bits), ()
    bounds = [(float(values.min()), float(values.max())) for _, values in _numbers(image, samples)]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    if samples.significant is not None and low >= 0 and high <= _full(samples.significant):
        if samples.exact and _at_the_top(image, samples, samples.significant):
            return 0.0, _full(samples.bits), ()
        return 0.0, _full(samples.significant), ()
    if samples.exact:
        return 0.0, _full(samples.bits), ()
    if samples.kind == "float":
        if low >= 0 and high <= 1:
            return 0.0, 1.0, ()
        if low >= 0 and _full(4) < high <= _full(8):
            return 0.0, _full(8), ()
    elif low >= 0:
        for bits in _DEPTHS:
            if high <= _full(bits):
                white = _full(min(bits, samples.bits - (samples.kind == "signed")))
                words = f"grey values read as {bits} bits: the fewest that hold them"
                return 0.0, white, (() if bits in (8, 16) else (words,))
    note = f"grey values from {low:g} to {high:g} stretched to black and white"
    return low, high if high > low else low + 1.0, (note,)


def _at_the_top(image: Image.Image, samples: Samples, significant: int) -> bool:
    """Return whether the `significant` bits are at the top of the word, as in PNG, in a picture dark enough to ask.

    However a writer filled the bits below, in dark greys they are 0 or 1. If they are anything else, the numbers are at
    the bottom.
    """
    below = (1 << (samples.bits - significant)) - 1
    return all(int((values & below).max()) <= min(1, below >> 1) for _, values in _numbers(image, samples))


def _full(bits: int) -> float:
    return float((1 << bits) - 1)
