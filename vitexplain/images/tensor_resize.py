"""Resizing as torchvision does it with tensors of bytes, in numpy: what transformers' image processors call.

Pillow's algorithm with coarser weights: whole numbers of 16 bits, so that one byte in two hundred differs by 1.
The bytes are those that torch computes with its AVX2 kernels (`_upsample_bilinear2d_aa` and its bicubic sibling for
uint8), where torchvision leaves the work to them; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

_ROWS = 256
"""So many rows are computed at once, which bounds the memory."""
_MOST_PRECISE = 22


def _triangle(x: Floats) -> Floats:
    return np.clip(1.0 - np.abs(x), 0.0, None)


def _cubic(x: Floats) -> Floats:
    """Return the cubic kernel with a = -1/2."""
    x = np.abs(x)
    near, far = ((1.5 * x - 2.5) * x) * x + 1.0, (((-0.5 * x + 2.5) * x) - 4.0) * x + 2.0
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


_KERNELS: dict[str, tuple[Callable[[Floats], Floats], int]] = {"bilinear": (_triangle, 2), "bicubic": (_cubic, 4)}
FILTERS = tuple(_KERNELS)


def resized_as_tensor(image: Image.Image, size: tuple[int, int], interpolation: str) -> Image.Image:
    """Return an RGB picture at `size` (height, width) by one of FILTERS, with antialiasing."""
    pixels = np.asarray(image)
    if pixels.shape[1] != size[1]:
        blocks = [pixels[top : top + _ROWS] for top in range(0, len(pixels), _ROWS)]
        swapped = [_along_first(block.swapaxes(0, 1), size[1], interpolation).swapaxes(0, 1) for block in blocks]
        pixels = np.concatenate(swapped)
    if pixels.shape[0] != size[0]:
        pixels = _along_first(pixels, size[0], interpolation)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _along_first(pixels: npt.NDArray[np.uint8], length: int, interpolation: str) -> npt.NDArray[np.uint8]:
    """Return bytes (N, M, 3) as (length, M, 3)."""
    starts, weights, precision = _weights(len(pixels), length, interpolation)
    flat = np.ascontiguousarray(pixels.reshape(len(pixels), -1), dtype=np.float32)
    # Each weight as 256 high + low: sums of their products with bytes are whole numbers that float32 holds.
    parts = np.stack((weights >> 8, weights & 255), 1).astype(np.float32)
    sums = np.empty((length, flat.shape[1]), np.int32)
    for place, (start, part) in enumerate(zip(starts, parts, strict=True)):
        high, low = part[:, : len(flat) - start] @ flat[start : start + part.shape[1]]
        sums[place] = high.astype(np.int32) * 256 + low.astype(np.int32)
    rounded: npt.NDArray[np.uint8] = np.clip((sums + (1 << (precision - 1))) >> precision, 0, 255).astype(np.uint8)
    return rounded.reshape(length, *pixels.shape[1:])


def _weights(before: int, after: int, interpolation: str) -> tuple[list[int], npt.NDArray[np.int32], int]:
    """Return where the pixels of each of `after` sums begin, their weights (after, K), and how many bits are fraction.

    Weights behind the last pixel are 0.
    """
    kernel, width = _KERNELS[interpolation]
    scale = before / after
    support = width / 2 * max(scale, 1.0)
    centres = scale * (np.arange(after) + 0.5)
    starts = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    counts = np.minimum((centres + support + 0.5).astype(np.int64), before) - starts
    reach = np.arange(min(before, math.ceil(support) * 2 + 1))
    places = (reach + starts[:, None] - centres[:, None] + 0.5) / max(scale, 1.0)
    exact = np.where(reach < counts[:, None], kernel(places), 0.0)
    exact /= exact.sum(1, keepdims=True)
    precision = 0
    while precision < _MOST_PRECISE and int(0.5 + exact.max() * (1 << (precision + 1))) < 1 << 15:
        precision += 1
    scaled = exact * (1 << precision)
    return starts.tolist(), np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int32), precision
