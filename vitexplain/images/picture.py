"""Picture: an image from anywhere, opened without trusting it, upright, in RGB, with its hash."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

from vitexplain.errors import InputError, LimitError
from vitexplain.images.colours import array_to_image
from vitexplain.images.decoding import convert, decode
from vitexplain.images.files import MAX_BYTES, read_file, shown
from vitexplain.images.parts import parts
from vitexplain.images.reduced import Least

DEFAULT_MAX_PIXELS = 120_000_000
"""Pictures with more pixels are refused before they are decoded (RGB takes 4 bytes a pixel; phones have up to 108)."""

PictureInput = (
    str | bytes | bytearray | memoryview | os.PathLike[str] | os.PathLike[bytes] | BinaryIO | Image.Image | np.ndarray
)

_LONGEST_PATH = 4_095


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright RGB image; `path` as given (bytes that are not UTF-8 as surrogate escapes), None if there is none.

    `sha256` is of the file's bytes; for an image or array from memory, of its mode, size and pixels. `whole`: the
    upright (width, height) of the file, where the image is a reduced one.
    """

    image: Image.Image
    path: str | None
    sha256: str
    notices: tuple[str, ...] = ()
    whole: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """Width in pixels, after orientation."""
        return self.image.width

    @property
    def height(self) -> int:
        """Height in pixels, after orientation."""
        return self.image.height


def encoded(image: PictureInput) -> bytes | None:
    """Return the bytes of a picture's file if `image` is such, None if it is something else, a path in bytes included.

    No path has a zero byte or so many bytes.
    """
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    is_data = isinstance(image, bytes) and (b"\0" in image or len(image) > _LONGEST_PATH)
    return image if is_data else None  # type: ignore[return-value]


def open_picture(
    image: PictureInput,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    name: str | None = None,
    least: Least | None = None,
) -> Picture:
    """Return the picture in a file, a binary stream, the bytes of a file, a PIL image or an array.

    `name` is what messages call the image, and its `path`, where it has none itself ("-" for standard input).
    `least`: a JPEG may be decoded at a part of its size, not below that.
    InputError: it cannot be read; LimitError: more than `max_pixels` pixels; UsageError: a directory. All in one line.
    """
    if isinstance(image, np.ndarray):
        try:
            image = array_to_image(image)
        except ValueError as error:
            raise InputError(f"{shown(name or 'the array given')}: {error}") from None
    if isinstance(image, Image.Image):
        return _from_image(image, name, max_pixels)
    path: str | None
    content = encoded(image)
    if content is not None:
        label, path, data = shown("the bytes given" if name is None else name), name, content
    elif isinstance(image, str | bytes | os.PathLike):
        label, path = shown(os.fsdecode(image)), os.fsdecode(image)
        data = read_file(image)
    elif not isinstance(image, bytearray | memoryview) and hasattr(image, "read"):
        path = name
        label = shown("the stream given" if name is None else name)
        data = _streamed(image, label)
    else:
        raise InputError(
            f"an image of type {type(image).__name__}: expected a path, a binary file, a PIL image or an array"
        )
    if len(data) > MAX_BYTES:
        raise LimitError(f"{label}: more than {MAX_BYTES >> 20} MiB: scale the picture down")
    if not data:
        raise InputError(f"{label}: the file is empty, expected a picture (JPEG, PNG ...)")
    digest = hashlib.sha256(data).hexdigest()
    given = [data]
    del data
    shows, notices, whole = decode(given, label, max_pixels, least)
    return Picture(shows, path, digest, notices, whole)


def _from_image(given: Image.Image, name: str | None, max_pixels: int) -> Picture:
    image, notices = convert(given, shown(name or "the image given"), max_pixels)
    # Of what the picture shows: its raw bytes would leave out palette, transparency and orientation.
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    for _, part in parts(image):
        digest.update(part.tobytes())
    return Picture(image, name, digest.hexdigest(), notices)


def _streamed(stream: BinaryIO, label: str) -> bytes:
    """Return what the stream holds from where it is, at most one byte more than is allowed."""
    try:
        data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: it is closed, or text that is not UTF-8
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{label}: cannot be read ({shown(reason[:120])})") from None
    if not isinstance(data, bytes):
        raise InputError(f"{label}: read() returns {type(data).__name__}, expected bytes: open it in binary mode")
    return data
