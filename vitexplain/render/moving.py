"""Moving pictures as files: GIF or WebP, marked with the image they belong to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from vitexplain.render.png import inner_mark

if TYPE_CHECKING:
    from PIL import Image

MovingFormat = Literal["gif", "webp"]
MOVING_FORMATS: tuple[MovingFormat, ...] = get_args(MovingFormat)

_LAST = 4
"""How many times as long the last frame stays, before the first comes again."""
_STRIP = 320
"""Width of the frames that the palette is chosen from."""


def moving_file(frames: Sequence[Image.Image], seconds: float, form: MovingFormat, sha256: str) -> bytes:
    """Return frames (RGB, of one size) as a file that plays for ever, each shown for so long, the last one longer.

    "vitexplain:<sha256>" is a comment in GIF, whose frames share 256 colours, and metadata (XMP) in WebP.
    """
    durations = [round(seconds * 1000)] * (len(frames) - 1) + [round(_LAST * seconds * 1000)]
    stream = io.BytesIO()
    settings: dict[str, Any] = {"save_all": True, "duration": durations, "loop": 0}
    if form == "webp":
        settings |= {"quality": 85, "method": 4, "xmp": inner_mark(sha256)}
        frames[0].save(stream, "WEBP", append_images=frames[1:], **settings)
    else:
        settings |= {"comment": f"vitexplain:{sha256}", "optimize": False}
        first, *others = _with_one_palette(frames)
        first.save(stream, "GIF", append_images=others, **settings)
    return stream.getvalue()


def _with_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the frames in the same 256 colours, so that what does not move stays the same and costs nothing."""
    from PIL import Image

    size = _STRIP, max(1, _STRIP * frames[0].height // frames[0].width)
    strip = Image.new("RGB", (size[0], size[1] * len(frames)))
    for place, frame in enumerate(frames):
        strip.paste(frame.resize(size, reducing_gap=2.0), (0, place * size[1]))
    # Median cut would leave the few brightest patches without colours of their own.
    palette = strip.quantize(256, Image.Quantize.FASTOCTREE)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
