"""Any of Pillow's modes, or an array, to RGB: nothing clipped, transparency onto white."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vitexplain.images.greys import are_greys, greys_to_rgb, scaled
from vitexplain.images.parts import PART_PIXELS, parts
from vitexplain.images.samples import Samples

_WHITE = (255, 255, 255, 255)


def to_rgb(image: Image.Image, samples: Samples) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a picture of its own in mode RGB, and notices where a range of values had to be chosen.

    It carries nothing else of `image` (its stream, metadata, animation). Memory: the two pictures'.
    """
    if are_greys(image, samples):
        return greys_to_rgb(image, samples)
    rgb = Image.new("RGB", image.size)
    for box, part in parts(image):
        rgb.paste(_on_white(part), box)
    return rgb, ()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("La", "RGBa"):  # colours times transparency, which Pillow turns into few other modes
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer)
    return image.convert("RGB")


def array_to_image(array: np.ndarray) -> Image.Image:
    """Return the image in an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, bool, 16 bits or floats in 0..1.

    ValueError, with what was given, for any other array.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise ValueError(f"an array of shape {array.shape}, expected (height, width) or (height, width, 3 or 4)")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16:
        array = _scaled_by_rows(array, 65535.0)
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ValueError("an array of floats outside 0..1, expected values from 0 to 1 (or integers from 0 to 255)")
        array = _scaled_by_rows(array, 1.0)
    elif array.dtype.kind in "iu" and array.dtype != np.uint8 and array.min() >= 0 and array.max() <= 255:
        array = array.astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f"an array of {array.dtype}, expected uint8, uint16, bool or floats in 0..1")
    return Image.fromarray(np.ascontiguousarray(array))


def _scaled_by_rows(values: np.ndarray, full: float) -> np.ndarray:
    eight = np.empty(values.shape, np.uint8)
    rows = max(1, PART_PIXELS // values[0].size)
    for top in range(0, len(values), rows):
        eight[top : top + rows] = scaled(values[top : top + rows], full)
    return eight
