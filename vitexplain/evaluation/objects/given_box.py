"""GivenBox: one box of an annotation file."""

from __future__ import annotations

from dataclasses import dataclass

_ROUNDING = 1.0
"""Fractions of pixels, as COCO has them, may reach this far beyond the picture; whole ones may not."""


@dataclass(frozen=True)
class GivenBox:
    """A box of the class `name`, its edges in pixels: `right` and `bottom` are where it ends, not its last pixels.

    `place` says where in the file it stands, "line 7"; `included`: that the file names the last pixels themselves.
    """

    place: str
    name: str
    left: float
    top: float
    right: float
    bottom: float
    included: bool = False

    def beyond(self, width: int, height: int) -> str:
        """Return the corners as the file gives them, and how far a picture of this size reaches, for messages."""
        last = int(self.included)
        return (
            f"a box from {self.left:g}, {self.top:g} to {self.right - last:g}, {self.bottom - last:g}: expected left "
            f"and right from 0 to {width - last}, top and bottom from 0 to {height - last}, in pixels of the upright "
            "picture"
        )

    def fits(self, width: int, height: int) -> bool:
        """Whether the box lies in a picture of this size."""
        return all(
            start >= 0 and (end <= length or (end % 1 != 0 and end < length + _ROUNDING))
            for start, end, length in ((self.left, self.right, width), (self.top, self.bottom, height))
        )
