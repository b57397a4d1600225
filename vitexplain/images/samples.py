"""How to read the numbers of a picture: the kind, depth and direction that its file declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE, _SAMPLE_FORMAT, _S_MAX_SAMPLE = 258, 262, 281, 339, 341
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS: dict[int, Literal["unsigned", "signed", "float"]] = {1: "unsigned", 2: "signed", 3: "float", 4: "unsigned"}


@dataclass(frozen=True)
class Samples:
    """The numbers of one channel. `bits` are those of the word; `significant` those that the file says are in use.

    `exact`: the whole range of the word means black to white, which is not so where Pillow, or the writer of the file,
    had no narrower word for the numbers. `transparent` is the one number that means transparent.
    """

    kind: Literal["unsigned", "signed", "float"] = "unsigned"
    bits: int = 8
    exact: bool = True
    significant: int | None = None
    white_is_zero: bool = False
    transparent: int | None = None


def declared(image: Image.Image, data: bytes = b"") -> Samples:
    """Return what is known about the numbers in `image`, opened from the bytes `data` of a file (none: from memory)."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        return of_tags(tags)
    transparent = image.info.get("transparency")
    transparent = transparent if isinstance(transparent, int) else None
    if image.mode.startswith("I;16"):
        if image.format == "FITS":
            return Samples("signed", 16, exact=False)
        return Samples("unsigned", 16, significant=_png_significant(data), transparent=transparent)
    if image.mode == "I":
        # Pillow brings the greys of a PGM to 16 bits itself.
        return Samples("unsigned", 16) if image.format == "PPM" else Samples("signed", 32, exact=False)
    if image.mode == "F":
        return Samples("float", 32, exact=False)
    return Samples()


def of_tags(tags: Mapping[int, Any]) -> Samples:
    """Return what the tags of a TIFF declare about its first channel."""
    bits = int(_first(tags.get(_BITS_PER_SAMPLE), 1))
    kind = _KINDS.get(_first(tags.get(_SAMPLE_FORMAT), 1), "unsigned")
    return Samples(
        kind,
        bits,
        exact=kind == "unsigned" and bits <= 16,
        significant=_width(tags.get(_MAX_SAMPLE), bits) or _width(tags.get(_S_MAX_SAMPLE), bits),
        white_is_zero=tags.get(_PHOTOMETRIC) == 0,
    )


def mend_transparency(image: Image.Image, data: bytes) -> None:
    """Bring the transparent colour of a PNG, given in its own depth, to the 8 bits of the pixels that Pillow gives."""
    found = image.info.get("transparency")
    if image.mode not in ("L", "RGB") or isinstance(found, bytes) or found is None or not data.startswith(_PNG):
        return
    depth = data[24]
    mended = tuple(
        value >> 8 if depth == 16 else min(value * 255 // ((1 << depth) - 1), 255)
        for value in (found if isinstance(found, tuple) else (found,))
    )
    image.info["transparency"] = mended if isinstance(found, tuple) else mended[0]


def _first(value: Any, otherwise: Any) -> Any:
    if isinstance(value, tuple):
        value = value[0] if value else None
    return otherwise if value is None else value


def _width(maximum: Any, bits: int) -> int | None:
    """Return b where a largest value 2^b - 1 is declared that is more than 8 and less than `bits` wide."""
    value = _first(maximum, 0)
    width = value.bit_length() if isinstance(value, int) else 0
    return width if 8 < width < bits and value == (1 << width) - 1 else None


def _png_significant(data: bytes) -> int | None:
    """Return the bits that the sBIT chunk of a PNG of greys declares."""
    for kind, start, length in _chunks(data):
        if kind == b"sBIT" and length == 1:
            return data[start] if 8 < data[start] < 16 else None
    return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, length) of the chunks of a PNG before its pixels."""
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 < len(data) and data[at + 4 : at + 8] != b"IDAT":
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at + 8, length
        at += length + 12
