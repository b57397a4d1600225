"""Seen: a picture as the model sees it, and where in the picture that lies."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vitexplain.images import View


@dataclass(frozen=True, eq=False)
class Seen:
    """The pixels (1, 3, H, W) and the view of a picture, whose `size` is (width, height) in upright pixels."""

    pixels: Tensor
    view: View
    size: tuple[int, int]
