"""The sizes of pixels that a network takes, checked."""

from __future__ import annotations

from vitexplain.errors import UsageError
from vitexplain.networks.network import Pixels


def require_size(pixels: Pixels, height: int, width: int) -> None:
    """Raise UsageError for a size (height, width) that a network of these pixels does not take."""
    if not pixels.flexible and pixels.built_for not in (None, (height, width)):
        assert pixels.built_for is not None
        taken = f"{pixels.built_for[0]} x {pixels.built_for[1]}"
        raise UsageError(f"pixels of {height} x {width}: this model takes {taken} only: use its own size")
    patch_height, patch_width = pixels.patch
    whole = not pixels.flexible or (height % patch_height == 0 and width % patch_width == 0)
    if height < patch_height or width < patch_width or not whole:
        near = [max(1, round(side / patch)) * patch for side, patch in zip((height, width), pixels.patch, strict=True)]
        raise UsageError(
            f"pixels of {height} x {width}: expected multiples of the patch, {patch_height} x {patch_width}: use "
            f"{near[0]} x {near[1]}"
        )
