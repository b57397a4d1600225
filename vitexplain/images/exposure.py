"""Pictures that are nearly black or white: the file was misread, or shows nothing."""

from __future__ import annotations

from PIL import Image

_MARGIN = 16
"""This near to 0 or 255: 12 bits read as 16 end there."""

_EXCEPT = 1000
"""One pixel in this many may differ."""


def exposure_notices(image: Image.Image) -> tuple[str, ...]:
    """Return a notice for an RGB picture that is black or white but for one pixel in a thousand."""
    counts = image.histogram()
    allowed = image.width * image.height // _EXCEPT
    channels = [counts[start : start + 256] for start in (0, 256, 512)]
    if all(sum(channel[_MARGIN + 1 :]) <= allowed for channel in channels):
        return (f"nearly black: 99.9% of it is at most {_MARGIN} of 255; if that is wrong, scale its values up",)
    if all(sum(channel[: 255 - _MARGIN]) <= allowed for channel in channels):
        return (f"nearly white: 99.9% of it is at least {255 - _MARGIN} of 255; if that is wrong, check the file",)
    return ()
