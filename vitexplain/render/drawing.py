"""Drawing: how a picture is drawn; drawing never alters scores."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

from vitexplain.errors import UsageError

DIVERGING = "blue-red"
"""The colour map of signed scores where no photograph is below: blue against, white nothing, red for."""

COLORMAPS = ("inferno", "magma", "plasma", "viridis", "cividis", "turbo", "jet", "hot", "bone", DIVERGING)
"""Colour maps by name. The first five have even steps of lightness and suit colour-blind readers."""

STYLES = ("grey", "blend", "contour", "patches", "top:10%")
"""The styles of an overlay, the last with any share of the patches."""

Interpolation = Literal["cubic", "nearest"]

LONG_SIDE, SHORTEST = 1600, 640
"""The longest side of an overlay in pixels, at most and at least, unless the picture's own size is asked for."""

_EQUAL = 1e-5
"""Scores whose range is below this share of the largest are drawn as equal: rounding spreads equal ones that far."""

_TOP = re.compile(r"top:(\d+(?:\.\d+)?)%")


def indistinct(low: float, high: float) -> bool:
    """Return whether scores from `low` to `high` differ by no more than rounding."""
    return high - low <= _EQUAL * max(abs(low), abs(high))


class Scored(Protocol):
    """What a drawing has to know about scores: whether they are signed, and the ends of their own colour scale."""

    @property
    def signed(self) -> bool:
        """Whether a score of 0 says nothing and its sign says for or against."""

    @property
    def display(self) -> tuple[float, float]:
        """The scores that get the map's first and last colour unless another scale is asked for."""

    def display_at(self, percentile: float) -> tuple[float, float]:
        """The same with the last colour at this percentile of the scores."""


@dataclass(frozen=True)
class Drawing:
    """How scores become a picture.

    alpha: the heat's opacity where it is strongest, 0 to 1, by default 0.9, in the style blend 0.5. colormap: a name of
    COLORMAPS. scale: the scores that get the map's first and last colour, by default the smallest, and the percentile
    99.5 of the image's. colorbar: a bar with the scale beside the overlay. full_size: the picture's own pixels, however
    many or few, instead of 640 to 1,600 on the longer side. outline: a contour around the patches that alone keep the
    prediction, which a check found. style: one of STYLES. percentile: the share of the scores, in percent, that the
    scale reaches. interpolation: `cubic` is smooth between the patches, `nearest` has flat squares. grid: lines between
    the patches. signed: the scores' sign says for or against; `of` knows.
    """

    alpha: float | None = None
    colormap: str = "inferno"
    scale: tuple[float, float] | None = None
    colorbar: bool = False
    full_size: bool = False
    outline: bool = False
    style: str = "grey"
    percentile: float | None = None
    interpolation: Interpolation = "cubic"
    grid: bool = False
    signed: bool = False

    def __post_init__(self) -> None:
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha {self.alpha:g} is out of range: give a share from 0 (picture only) to 1")
        if self.colormap not in COLORMAPS:
            raise UsageError(f"there is no colormap {self.colormap!r}: choose one of {', '.join(COLORMAPS)}")
        if self.style not in STYLES and self.top_share is None:
            raise UsageError(f"style {self.style!r} is not valid: expected {', '.join(STYLES[:-1])} or {STYLES[-1]}")
        if self.interpolation not in get_args(Interpolation):
            raise UsageError(f"interpolation {self.interpolation!r} is not valid: expected cubic or nearest")
        if self.top_share is not None and self.colorbar:
            raise UsageError(f"style {self.style} has no colours: leave out `colorbar=True`")
        if self.percentile is not None and not 0 < self.percentile <= 100:
            raise UsageError(
                f"percentile {self.percentile:g} is out of range: give a number above 0, 100 for the largest score"
            )
        if self.scale is not None:
            if self.percentile is not None:
                raise UsageError("`scale=` and `percentile=` cannot be combined: give one of them")
            low, high = self.scale
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                wrong = "has no length" if math.isfinite(low) and math.isfinite(high) else "is not finite"
                raise UsageError(f"the scale {low:g}:{high:g} {wrong}: give LOW:HIGH, two numbers with LOW < HIGH")

    @property
    def opacity(self) -> float:
        """Opacity of the heat where it is strongest."""
        return self.alpha if self.alpha is not None else 0.5 if self.style == "blend" else 0.9

    @property
    def top_share(self) -> float | None:
        """The share of the patches that the style top shows; None in the other styles."""
        found = _TOP.fullmatch(self.style)
        share = float(found.group(1)) / 100 if found else 0.0
        return share if 0 < share <= 1 else None

    @property
    def flat(self) -> bool:
        """Whether every patch is a square of one colour."""
        return self.style == "patches" or self.interpolation == "nearest"

    @property
    def map_name(self) -> str:
        """The colour map where no photograph is below, or the style is blend."""
        return DIVERGING if self.signed else self.colormap

    def asked(self, scored: Scored) -> tuple[float, float] | None:
        """Return the ends of the colour scale that were asked for, as a scale or as a percentile; None if not."""
        return self.scale if self.percentile is None else scored.display_at(self.percentile)

    def of(self, scored: Scored) -> Drawing:
        """Return how these scores are drawn: with the ends of their scale, signed ones with 0 as no colour."""
        low, high = scale = self.asked(scored) or scored.display
        known = self.scale is not None or not indistinct(low, high)
        return replace(self, signed=scored.signed, percentile=None, scale=scale if known else None)
