"""Pictures: opened safely and turned upright, and prepared as the pixels that a model sees."""

from __future__ import annotations

from vitexplain.images.formats import picture_endings
from vitexplain.images.mask import open_mask
from vitexplain.images.picture import DEFAULT_MAX_PIXELS, Picture, PictureInput, encoded, open_picture
from vitexplain.images.preprocess import CropMode, Preprocess, View, ViewKind, prepare
from vitexplain.images.reduced import Least

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "CropMode",
    "Least",
    "Picture",
    "PictureInput",
    "Preprocess",
    "View",
    "ViewKind",
    "encoded",
    "open_mask",
    "open_picture",
    "picture_endings",
    "prepare",
]
