"""A folder of small files of every kind, some of them broken in many ways, the same for the same seed."""

from __future__ import annotations

import gzip
import io
import os
import random
import socket
import struct
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from PIL import Image

FORMS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP", ".tif": "TIFF", ".JPEG": "JPEG"}


def encoded(form: str, seed: int, size: tuple[int, int] = (24, 20)) -> bytes:
    """Return a small picture of noise in one of Pillow's formats."""
    array = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form)
    return stream.getvalue()


def cut(form: str, share: float) -> Callable[[Path], None]:
    """Return the breaking that keeps only the first `share` of a picture's bytes."""

    def write(path: Path) -> None:
        data = encoded(form, 1)
        path.write_bytes(data[: int(len(data) * share)])

    return write


def holding(data: bytes) -> Callable[[Path], None]:
    """Return the breaking that writes these bytes instead of a picture."""

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of the size given in its header and the chunks given."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), *chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _flipped_png(path: Path) -> None:
    data = bytearray(encoded("PNG", 2))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    path.write_bytes(bytes(data))


def _socket(path: Path) -> None:
    # A socket's path may have 107 bytes only.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


WAYS: dict[str, Callable[[Path], None]] = {
    "empty.jpg": lambda path: path.touch(),
    "text.jpg": holding(b"this is a text, not a picture\n" * 20),
    "page.png": holding(b"<!doctype html><title>404</title>"),
    "zeros.png": holding(bytes(500)),
    "noise.webp": holding(random.Random(3).randbytes(700)),
    "archive.tif": holding(b"PK\x03\x04" + bytes(60)),
    "document.jpg": holding(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(80)),
    "script.jpg": holding(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    "head.jpg": cut("JPEG", 0.05),
    "half.jpg": cut("JPEG", 0.5),
    "nearly.jpg": cut("JPEG", 0.9),
    "head.png": cut("PNG", 0.01),
    "half.png": cut("PNG", 0.5),
    "half.gif": cut("GIF", 0.5),
    "half.webp": cut("WEBP", 0.5),
    "half.tif": cut("TIFF", 0.5),
    "half.bmp": cut("BMP", 0.5),
    "flipped.png": _flipped_png,
    "no_data.png": holding(png(20, 20)),
    "no_width.png": holding(png(0, 20, (b"IDAT", zlib.compress(b"\0" * 20)))),
    "bomb.png": holding(png(60_000, 60_000, (b"IDAT", zlib.compress(bytes(1000))))),
    "markers.jpg": holding(b"\xff\xd8\xff\xd9"),
    "packed.jpg": holding(gzip.compress(encoded("JPEG", 1))),
    "drawing.png": holding(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    "shifted.gif": holding(b"\n" + encoded("GIF", 1)),
    "pipe.jpg": lambda path: os.mkfifo(path),
    "socket.png": _socket,
    "dangling.jpg": lambda path: path.symlink_to("nowhere.jpg"),
    "loop.png": lambda path: path.symlink_to(path.name),
    "device.jpg": lambda path: path.symlink_to("/dev/zero"),
}
"""How a file may be broken, by a name with the ending that it gets."""


NO_FILES = frozenset({"pipe.jpg", "socket.png", "dangling.jpg", "loop.png", "device.jpg"})
"""Ways that only a folder can hold."""


def fill(folder: Path, good: int, bad: int, ways: Collection[str] = WAYS) -> tuple[list[str], list[str]]:
    """Write `good` pictures and `bad` broken files, in folders, and return both lists of paths below the folder."""
    endings, ways = list(FORMS), list(ways)
    explained, failed = [], []
    for number in range(good):
        ending = endings[number % len(endings)]
        name = f"{'abcd'[number % 4]}/{number:04d} picture{ending}"
        explained.append(name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(FORMS[ending], number, (16 + number % 30, 40 - number % 23)))
    for number in range(bad):
        way = ways[number % len(ways)]
        name = f"{'abcd'[number % 4]}/{number:04d} {way}"
        failed.append(name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        WAYS[way](path)
    return explained, failed
