"""Drawing: how a picture is drawn; drawing never alters scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from vitexplain.errors import UsageError

DIVERGING = "blue-red"
"""The colour map of signed scores: blue against, white nothing, red for; it suits colour-blind readers."""

COLORMAPS = ("inferno", "magma", "plasma", "viridis", "cividis", "turbo", "jet", "hot", "bone", DIVERGING)
"""Colour maps by name. The first five have even steps of lightness and suit colour-blind readers."""

LONG_SIDE = 1600
"""The longest side of an overlay in pixels, unless the full size is asked for."""


class Scored(Protocol):
    """What a drawing has to know about scores: whether they are signed, and the ends of their own colour scale."""

    @property
    def signed(self) -> bool:
        """Whether a score of 0 says nothing and its sign says for or against."""

    @property
    def display(self) -> tuple[float, float]:
        """The scores that get the map's first and last colour unless another scale is asked for."""


@dataclass(frozen=True)
class Drawing:
    """How scores become a picture.

    alpha: share of the heatmap's colour in the overlay, 0 to 1. colormap: a name of COLORMAPS. scale: the scores that
    get the map's first and last colour, by default the smallest and the largest of the image. colorbar: a bar with the
    scale beside the overlay. full_size: the picture's own pixels, however many, instead of at most 1,600 a side.
    outline: a contour around the patches that alone keep the prediction, which a check found.
    """

    alpha: float = 0.5
    colormap: str = "inferno"
    scale: tuple[float, float] | None = None
    colorbar: bool = False
    full_size: bool = False
    outline: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha {self.alpha:g} is out of range: give a share from 0 (picture only) to 1")
        if self.colormap not in COLORMAPS:
            raise UsageError(f"there is no colormap {self.colormap!r}: choose one of {', '.join(COLORMAPS)}")
        if self.scale is not None:
            low, high = self.scale
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                wrong = "has no length" if math.isfinite(low) and math.isfinite(high) else "is not finite"
                raise UsageError(f"the scale {low:g}:{high:g} {wrong}: give LOW:HIGH, two numbers with LOW < HIGH")

    def of(self, scored: Scored) -> Drawing:
        """Return how these scores are drawn: signed ones with the diverging map, 0 in its middle."""
        if not scored.signed:
            return self
        low, high = scored.display
        scale = (low, high) if self.scale is None and low < high else self.scale
        return replace(self, colormap=DIVERGING, scale=scale)
