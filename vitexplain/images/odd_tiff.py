"""TIFFs of depths that Pillow does not read (10, 12, 14 bits, 64-bit floats ...), uncompressed or deflated."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from vitexplain.images.greys import scaled
from vitexplain.images.parts import Box, boxes
from vitexplain.images.samples import of_tags

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _CHANNELS, _ROWS, _COUNTS, _PLANAR, _PREDICTOR, _FORMAT = 273, 277, 278, 279, 284, 317, 339
_ORIENTATION = 274
_RAW, _DEFLATE = (1,), (8, 32946)
_WORDS = {("unsigned", 8), ("unsigned", 16), ("unsigned", 32), ("signed", 8), ("signed", 16), ("signed", 32)} | {
    ("float", 16),
    ("float", 32),
    ("float", 64),
}
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little"), axis=1)[:, 0]


class UnreadKindError(ValueError):
    """A TIFF of a kind that nothing here reads; the message says which."""


class OddTiff:
    """The first page of a TIFF, its tags read, its pixels not yet."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        header = data[:16] if data[2:3] == b"\x2b" or data[3:4] == b"\x2b" else data[:8]
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        self._tags: dict[int, Any] = dict(tags)
        if _WIDTH not in tags or _HEIGHT not in tags:
            raise ValueError("its tags say no size")
        self.several = bool(tags.next)
        self.size = int(self._tags[_WIDTH]), int(self._tags[_HEIGHT])
        self.samples = of_tags(self._tags)
        self.orientation = self._tags.get(_ORIENTATION)
        self._order = "<" if data[:2] == b"II" else ">"
        self._channels = int(self._tags.get(_CHANNELS, 1))

    def decode(self) -> Image.Image:
        """Return the picture: colours in 8 bits, greys in a mode that holds their numbers (`samples` says how).

        UnreadKindError: tiles, another compression, more channels; ValueError: pixels are missing.
        """
        self._check()
        bits, kind = self.samples.bits, self.samples.kind
        if self._channels == 3:
            image = Image.new("RGB", self.size)
        elif kind == "float":
            image = Image.new("F", self.size)
        else:
            image = Image.new("I;16" if kind == "unsigned" and bits <= 16 else "I", self.size)
        for (left, top, right, bottom), values in self._parts():
            if self._channels == 3:
                values = scaled(values, (1 << bits) - 1).reshape(bottom - top, right - left, 3)
            elif kind == "float":
                values = values.astype(np.float32)
            elif image.mode == "I":
                values = values.astype(np.uint32 if kind == "unsigned" else np.int32).view(np.int32)
            else:
                values = values.astype(np.uint16)
            image.paste(Image.fromarray(values), (left, top, right, bottom))
        return image

    def _check(self) -> None:
        samples, tags = self.samples, self._tags
        widths = set(_all(tags.get(_BITS), 1)) | {samples.bits}
        colours = self._channels == 3 and tags.get(_PHOTOMETRIC) == 2
        words = (samples.kind, samples.bits) in _WORDS
        packed = samples.kind == "unsigned" and 0 < samples.bits < 16 and samples.bits != 8
        known = (
            (colours or (self._channels == 1 and tags.get(_PHOTOMETRIC, 0) in (0, 1)))
            and len(widths) == 1
            and (packed or (words and tags.get(_FILL_ORDER, 1) == 1))
            and (not colours or (samples.kind == "unsigned" and samples.bits <= 16))
            and len(set(_all(tags.get(_FORMAT), 1))) == 1
            and tags.get(_COMPRESSION, 1) in _RAW + _DEFLATE
            and tags.get(_PREDICTOR, 1) == 1
            and (tags.get(_PLANAR, 1) == 1 or self._channels == 1)
            and _OFFSETS in tags
        )
        if not known:
            depths = " or ".join(map(str, sorted(widths)))
            raise UnreadKindError(
                f"a TIFF of {self._channels} x {depths} bits a pixel ({samples.kind}, compression "
                f"{tags.get(_COMPRESSION, 1)}), which is not read: save it as PNG"
            )

    def _strips(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first row and the bytes (rows, bytes of a row) of every strip."""
        tags, (width, height) = self._tags, self.size
        row_bytes = (width * self._channels * self.samples.bits + 7) // 8
        rows = min(int(tags.get(_ROWS, height)), height)
        offsets = _all(tags[_OFFSETS], 0)
        counts: Iterable[int] = _all(tags[_COUNTS], 0) if _COUNTS in tags else repeat(len(self._data))
        if rows < 1 or len(offsets) < -(-height // rows):
            raise ValueError("rows are missing")
        for top, offset, count in zip(range(0, height, rows), offsets, counts, strict=False):
            needed = min(rows, height - top) * row_bytes
            if tags.get(_COMPRESSION, 1) in _RAW:
                strip = self._data[offset : offset + needed]
            else:
                strip = zlib.decompressobj().decompress(self._data[offset : offset + count], needed)
            if len(strip) < needed:
                raise ValueError("rows are cut off")
            yield top, np.frombuffer(strip, np.uint8).reshape(-1, row_bytes)

    def _parts(self) -> Iterator[tuple[Box, np.ndarray]]:
        """Yield boxes and their numbers (rows, columns times channels)."""
        channels, bits = self._channels, self.samples.bits
        for start, strip in self._strips():
            for left, top, right, bottom in boxes((self.size[0], len(strip))):
                lines, first, last = strip[top:bottom], left * channels, right * channels
                if bits in (8, 16, 32, 64):
                    letter = {"unsigned": "u", "signed": "i", "float": "f"}[self.samples.kind]
                    part = np.ascontiguousarray(lines[:, first * bits // 8 : last * bits // 8])
                    values = part.view(f"{self._order}{letter}{bits // 8}")
                else:
                    values = _unpacked(self._in_order(lines), bits, first, last)
                yield (left, start + top, right, start + bottom), values

    def _in_order(self, lines: np.ndarray) -> np.ndarray:
        return _REVERSED[lines] if self._tags.get(_FILL_ORDER, 1) == 2 else lines


def is_tiff(data: bytes) -> bool:
    """Return whether the bytes begin like a TIFF."""
    return any(data.startswith(prefix) for prefix in TiffImagePlugin.PREFIXES)


def _unpacked(lines: np.ndarray, bits: int, first: int, last: int) -> np.ndarray:
    """Return numbers `first` to `last` of each line (rows, bytes), of `bits` < 16 bits each, the highest bit first."""
    at = np.arange(first, last) * bits
    byte, within = at // 8, at % 8
    end = lines.shape[1] - 1
    three = [lines[:, np.minimum(byte + next_, end)].astype(np.uint32) for next_ in range(3)]
    word = (three[0] << 16) | (three[1] << 8) | three[2]
    numbers: np.ndarray = (word >> (24 - bits - within).astype(np.uint32)) & np.uint32((1 << bits) - 1)
    return numbers


def _all(value: Any, otherwise: int) -> tuple[int, ...]:
    if value is None:
        return (otherwise,)
    return tuple(value) if isinstance(value, tuple) else (int(value),)
