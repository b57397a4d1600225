"""TIFFs of any depth, written by hand: Pillow writes 1, 8, 16 and 32 bits only."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

FORMATS = {"u": 1, "i": 2, "f": 3}


def tiff(
    values: np.ndarray,
    bits: int,
    order: str = "<",
    kind: str = "u",
    *,
    photometric: int = 1,
    compression: int = 1,
    fill_order: int = 1,
    rows_per_strip: int = 5,
    channels: int = 1,
    tags: Mapping[int, Sequence[int]] | None = None,
) -> bytes:
    """Return a TIFF of values (height, width * channels), `bits` each, of kind "u", "i" or "f", in "<" or ">" order.

    `compression` 1 is none, 8 deflate; `tags` are further ones, or replace those written.
    """
    height, width = len(values), values.shape[1] // channels
    rows = [_row(row, bits, order, kind, fill_order) for row in values]
    strips = [b"".join(rows[top : top + rows_per_strip]) for top in range(0, height, rows_per_strip)]
    if compression == 8:
        strips = [zlib.compress(strip) for strip in strips]
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip + bytes(len(strip) % 2)
    written: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [compression],
        262: [photometric],
        266: [fill_order],
        273: offsets,
        277: [channels],
        278: [rows_per_strip],
        279: [len(strip) for strip in strips],
        339: [FORMATS[kind]] * channels,
        **(tags or {}),
    }
    start = 8 + len(body)
    after = start + 2 + 12 * len(written) + 4
    directory, tail = struct.pack(order + "H", len(written)), b""
    for tag, numbers in sorted(written.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > 4:
            tail, packed = tail + packed, struct.pack(order + "I", after + len(tail))
        directory += struct.pack(order + "HHI", tag, 4, len(numbers)) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + body + directory + bytes(4) + tail


def _row(row: np.ndarray, bits: int, order: str, kind: str, fill_order: int) -> bytes:
    """Return a row's bytes: whole words in the file's order, other depths as a stream of bits, the highest first."""
    if bits in (8, 16, 32, 64):
        return row.astype(f"{order}{kind}{bits // 8}").tobytes()
    stream = "".join(format(int(value), f"0{bits}b") for value in row)
    stream += "0" * (-len(stream) % 8)
    octets = [stream[at : at + 8] for at in range(0, len(stream), 8)]
    return bytes(int(octet if fill_order == 1 else octet[::-1], 2) for octet in octets)
