"""From an upright picture to the pixels that a model sees: timm's evaluation transform in Pillow and numpy.

The steps and their rounding are those of timm's `transforms_imagenet_eval` (and of torchvision's Resize, CenterCrop,
ToTensor and Normalize), so that a model predicts here what it predicts there; a test compares the bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from vitexplain.errors import UsageError
from vitexplain.images.picture import Picture
from vitexplain.images.tensor_resize import FILTERS, resized_as_tensor

ViewKind = Literal["crop", "squash", "whole"]
CropMode = Literal["center", "squash", "border"]
Resizer = Literal["pillow", "torchvision"]
Centre = Literal["nearest", "down"]

MAX_WHOLE_PATCHES = 1024
"""The most patches of a "whole" view: attention grows with their square."""

_LARGEST_RESIZED = 2**25
"""Above this many pixels, only the kept part of the resized picture is computed (a 20,000 x 10 picture whose
short side becomes 256 would take 131 million)."""

_INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class View:
    """What the model saw: `box` is (x0, y0, x1, y1) in pixels of the upright picture, `size` the model's (H, W).

    The box is where the patches lie. It reaches beyond the picture where a border was added, and is a little smaller
    than the pixels where a model leaves out a remainder of less than a patch (384 pixels, patches of 14).
    """

    kind: ViewKind
    box: tuple[float, float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes pixels: `size` and `patch` are (height, width) in pixels, `mean` and `std` of RGB in 0..1.

    `flexible` says that the model takes other sizes, too (any multiple of `patch`). `resizer`: Pillow, or torchvision
    on tensors, whose bytes differ by one in some places. `centre`: how half a pixel is rounded where a crop begins.
    """

    size: tuple[int, int]
    crop_pct: float
    crop_mode: CropMode
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    patch: tuple[int, int]
    flexible: bool
    resizer: Resizer = "pillow"
    centre: Centre = "nearest"

    @property
    def view(self) -> ViewKind:
        """The view that the model was evaluated with."""
        return "squash" if self.crop_mode == "squash" else "crop"

    @property
    def resized(self) -> tuple[int, int]:
        """The (height, width) to which a picture is resized before its border is cut off."""
        return _scale_size(self.size, self.crop_pct)


def prepare(picture: Picture, preprocess: Preprocess, view: ViewKind | None = None) -> tuple[np.ndarray, View]:
    """Return the pixels (3, H, W) in float32, normalised, and where in the picture they lie.

    `view` None is the model's own. "crop" is timm's evaluation transform, "squash" the picture stretched to the
    model's size, "whole" a rectangle of whole patches with the picture's shape, about as many patches as the model's
    own size has and at most 1,024. UsageError: "whole" for a model that takes one size only.
    """
    kind = preprocess.view if view is None else view
    if kind == "whole":
        if not preprocess.flexible:
            height, width = preprocess.size
            raise UsageError(
                f"view whole: this model takes pictures of {height} x {width} pixels only: use `view=crop` or squash"
            )
        canvas = _stretched(picture.image, _whole_size(picture, preprocess), preprocess)
    elif kind == "squash":
        # A model evaluated with "squash" may cut off a border, too; for any other model nothing is lost.
        crop_pct = preprocess.crop_pct if preprocess.crop_mode == "squash" else 1.0
        canvas = _stretched(picture.image, preprocess.size, preprocess, crop_pct)
    elif preprocess.crop_mode == "border":
        canvas = _bordered(picture.image, preprocess)
    else:
        canvas = _center_cropped(picture.image, preprocess)
    image, box = canvas
    return _normalised(image, preprocess), View(kind, _under_patches(box, image, preprocess), image.size[::-1])


def _under_patches(
    box: tuple[float, float, float, float], image: Image.Image, preprocess: Preprocess
) -> tuple[float, float, float, float]:
    (left, top, right, bottom), (patch_height, patch_width) = box, preprocess.patch
    rest_x, rest_y = image.width % patch_width, image.height % patch_height
    right -= (right - left) * rest_x / image.width
    bottom -= (bottom - top) * rest_y / image.height
    return left, top, right, bottom


_Canvas = tuple[Image.Image, tuple[float, float, float, float]]


def _scale_size(size: tuple[int, int], crop_pct: float) -> tuple[int, int]:
    return math.floor(size[0] / crop_pct), math.floor(size[1] / crop_pct)


def _stretched(image: Image.Image, size: tuple[int, int], preprocess: Preprocess, crop_pct: float = 1.0) -> _Canvas:
    return _resized_center(image, _scale_size(size, crop_pct), size, preprocess)


def _center_cropped(image: Image.Image, preprocess: Preprocess) -> _Canvas:
    height, width = preprocess.resized
    if height == width:
        # The short side becomes `height`; the long side is rounded down.
        if image.width <= image.height:
            resized = int(height * image.height / image.width), height
        else:
            resized = height, int(height * image.width / image.height)
    else:
        ratio = min(image.height / height, image.width / width)
        resized = _rounded(image, ratio)
    return _resized_center(image, resized, preprocess.size, preprocess)


def _bordered(image: Image.Image, preprocess: Preprocess) -> _Canvas:
    height, width = preprocess.resized
    ratio = max(image.height / height, image.width / width)
    fill = (round(255 * preprocess.mean[0]), round(255 * preprocess.mean[1]), round(255 * preprocess.mean[2]))
    return _resized_center(image, _rounded(image, ratio), preprocess.size, preprocess, fill)


def _rounded(image: Image.Image, ratio: float) -> tuple[int, int]:
    # timm fails where a very long picture would be less than half a pixel high; one row is what can be shown of it.
    return max(1, round(image.height / ratio)), max(1, round(image.width / ratio))


def _resized_center(
    image: Image.Image,
    resized: tuple[int, int],
    size: tuple[int, int],
    preprocess: Preprocess,
    fill: tuple[int, int, int] = (0, 0, 0),
) -> _Canvas:
    """Resize to `resized` (height, width), then take `size` from its centre, padded where that is larger."""
    resample = _INTERPOLATIONS[preprocess.interpolation]
    top, left = (_crop_start(resized[axis], size[axis], preprocess.centre) for axis in (0, 1))
    scale_y, scale_x = image.height / resized[0], image.width / resized[1]
    box = (left * scale_x, top * scale_y, (left + size[1]) * scale_x, (top + size[0]) * scale_y)
    kept = (max(left, 0), max(top, 0), min(left + size[1], resized[1]), min(top + size[0], resized[0]))
    if resized == (image.height, image.width):
        part = image.crop(kept)
    elif resized[0] * resized[1] <= _LARGEST_RESIZED:
        part = _resize(image, resized, preprocess).crop(kept)
    else:
        region = (kept[0] * scale_x, kept[1] * scale_y, kept[2] * scale_x, kept[3] * scale_y)
        region = (region[0], region[1], min(region[2], image.width), min(region[3], image.height))
        part = image.resize((kept[2] - kept[0], kept[3] - kept[1]), resample, box=region)
    if part.size == (size[1], size[0]):
        return part, box
    canvas = Image.new("RGB", (size[1], size[0]), fill)
    canvas.paste(part, (kept[0] - left, kept[1] - top))
    return canvas, box


def _resize(image: Image.Image, size: tuple[int, int], preprocess: Preprocess) -> Image.Image:
    """Return the whole picture at `size` (height, width)."""
    if preprocess.resizer == "torchvision" and preprocess.interpolation in FILTERS:
        return resized_as_tensor(image, size, preprocess.interpolation)
    return image.resize((size[1], size[0]), _INTERPOLATIONS[preprocess.interpolation])


def _crop_start(length: int, wanted: int, centre: Centre) -> int:
    """Return where `wanted` pixels start in `length`; negative where padding is added."""
    if wanted > length:
        return -((wanted - length) // 2)
    return round((length - wanted) / 2.0) if centre == "nearest" else (length - wanted) // 2


def _whole_size(picture: Picture, preprocess: Preprocess) -> tuple[int, int]:
    """Return (height, width) of whole patches nearest to the picture's shape."""
    patch_height, patch_width = preprocess.patch
    count = min((preprocess.size[0] // patch_height) * (preprocess.size[1] // patch_width), MAX_WHOLE_PATCHES)
    shape = (picture.height / patch_height) / (picture.width / patch_width)
    rows = min(max(1, round(math.sqrt(count * shape))), count)
    cols = min(max(1, round(rows / shape)), MAX_WHOLE_PATCHES // rows)
    return rows * patch_height, cols * patch_width


def _normalised(image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    """Return (3, H, W) float32: (pixel / 255 - mean) / std, by look-up, because there are 256 values per channel."""
    mean = np.asarray(preprocess.mean, np.float32)[:, None]
    std = np.asarray(preprocess.std, np.float32)[:, None]
    table = (np.arange(256, dtype=np.float32) / np.float32(255) - mean) / std
    pixels = np.asarray(image)
    return np.stack([table[channel][pixels[:, :, channel]] for channel in range(3)])
