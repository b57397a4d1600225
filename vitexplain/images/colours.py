"""Any of Pillow's modes to RGB: 16 bits scaled and not clipped, transparency onto white, floats by their range."""

from __future__ import annotations

import numpy as np
from PIL import Image

_WHITE = (255, 255, 255, 255)


def to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in mode RGB, and notices where a range of values had to be chosen."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image, ()
    if image.mode == "F" or image.mode.startswith("I"):
        grey, notices = _eight_bits(np.asarray(image))
        return Image.fromarray(grey).convert("RGB"), notices
    if image.mode in ("La", "RGBa"):  # colours times transparency, which Pillow turns into few other modes
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB"), ()
    return image.convert("RGB"), ()


def array_to_image(array: np.ndarray) -> Image.Image:
    """Return the image in an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, bool, 16 bits or floats in 0..1.

    ValueError says what was given where the array is something else.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise ValueError(f"an array of shape {array.shape}, expected (height, width) or (height, width, 3 or 4)")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16:
        array = _scaled(array, 65535.0)
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ValueError("an array of floats outside 0..1, expected values from 0 to 1 (or integers from 0 to 255)")
        array = _scaled(array, 1.0)
    elif array.dtype.kind in "iu" and array.dtype != np.uint8 and array.min() >= 0 and array.max() <= 255:
        array = array.astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f"an array of {array.dtype}, expected uint8, uint16, bool or floats in 0..1")
    return Image.fromarray(np.ascontiguousarray(array))


def _eight_bits(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return grey values (H, W) uint8: 8 and 16 bits by their full range, others stretched from least to most."""
    kind = values.dtype.kind
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if kind == "f" and low >= 0 and high <= 1:
        return _scaled(numbers, 1.0), ()
    # 16 bits stay 16 bits, in either order of their bytes, however dark the picture.
    if (kind, values.dtype.itemsize) != ("u", 2) and low >= 0 and high <= 255:
        return _scaled(numbers, 255.0), ()
    if kind != "f" and low >= 0 and high <= 65535:
        return _scaled(numbers, 65535.0), ()
    note = f"grey values from {low:g} to {high:g} stretched to black and white"
    return _scaled(numbers - low, (high - low) or 1.0), (note,)


def _scaled(values: np.ndarray, full: float) -> np.ndarray:
    scaled: np.ndarray = np.rint(values.astype(np.float64) * 255.0 / full).clip(0, 255).astype(np.uint8)
    return scaled
