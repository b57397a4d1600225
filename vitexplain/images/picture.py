"""Picture: any source of an image opened without trusting it, upright, in RGB, with its hash."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from vitexplain.errors import InputError, LimitError, VitexplainError
from vitexplain.images.colours import array_to_image, to_rgb
from vitexplain.images.files import MAX_BYTES, read_file, shown
from vitexplain.images.formats import open_allowed, quiet_pillow, silent_libtiff

DEFAULT_MAX_PIXELS = 120_000_000
"""Pictures with more pixels are refused before they are decoded (RGB takes 3 bytes a pixel; phones have up to 108)."""

PictureSource = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO | Image.Image | np.ndarray

_PIXELS = re.compile(r"\((\d+) pixels\)")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright RGB image; `path` as given (bytes that are no UTF-8 as surrogate escapes), None if there is none.

    `sha256` is of the file's bytes; for an image or array from memory, of its mode, size and pixels.
    """

    image: Image.Image
    path: str | None
    sha256: str
    notices: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Width in pixels, after orientation."""
        return self.image.width

    @property
    def height(self) -> int:
        """Height in pixels, after orientation."""
        return self.image.height


def open_picture(source: PictureSource, *, max_pixels: int = DEFAULT_MAX_PIXELS, name: str | None = None) -> Picture:
    """Return the picture in a file, a binary stream, a PIL image or an array.

    `name` is what messages call the source, and its `path`, where it has none itself ("-" for standard input).
    InputError: it cannot be read; LimitError: more than `max_pixels` pixels; UsageError: a directory. All in one line.
    """
    if isinstance(source, np.ndarray):
        try:
            source = array_to_image(source)
        except ValueError as error:
            raise InputError(f"{shown(name or 'the array given')}: {error}") from None
    if isinstance(source, Image.Image):
        return _from_image(source, name, max_pixels)
    if isinstance(source, str | bytes | os.PathLike):
        path: str | None = os.fsdecode(source)
        data = read_file(source)
    elif hasattr(source, "read"):
        path = name
        data = source.read(MAX_BYTES + 1)
    else:
        raise InputError(
            f"an image of type {type(source).__name__}: expected a path, a binary file, a PIL image or an array"
        )
    label = shown(path if path is not None else "the stream given")
    if len(data) > MAX_BYTES:
        raise LimitError(f"{label}: more than {MAX_BYTES >> 20} MiB: scale the picture down")
    if not data:
        raise InputError(f"{label}: the file is empty, expected a picture (JPEG, PNG ...)")
    image, notices = _decoded(lambda: open_allowed(io.BytesIO(data)), label, max_pixels)
    return Picture(image, path, hashlib.sha256(data).hexdigest(), notices)


def _from_image(source: Image.Image, name: str | None, max_pixels: int) -> Picture:
    label = shown(name or "the image given")
    image, notices = _decoded(source.copy, label, max_pixels, source.size)
    # Of what the picture shows: its own bytes would leave out the palette, transparency and orientation.
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return Picture(image, name, digest.hexdigest(), notices)


def _decoded(
    opener: Callable[[], Image.Image], label: str, max_pixels: int, size: tuple[int, int] | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the upright RGB image and notices; whatever a broken file makes Pillow raise becomes one InputError."""
    try:
        with quiet_pillow(max_pixels):
            if size is not None:
                _check_size(size, label, max_pixels)
            image = opener()
            _check_size(image.size, label, max_pixels)
            with silent_libtiff(image):
                frames = _frames(image)
                image.load()
            upright = _upright(image)
            rgb, notices = to_rgb(upright)
            # A copy that carries nothing of the file (its stream, metadata, animation).
            return _bare(rgb), frames + notices
    except VitexplainError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{label}: not a picture that can be read, expected JPEG, PNG, WebP, TIFF, GIF ...") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        count = _PIXELS.search(str(error))
        raise _too_large(label, f"{int(count[1]):,} pixels" if count else "more pixels", max_pixels) from None
    except MemoryError:
        raise LimitError(f"{label}: too large for the memory of this machine: scale the picture down") from None
    except Exception as error:
        # Pillow's readers raise almost any class on broken files; the border is here.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{label}: the picture is damaged or incomplete ({shown(reason[:120])})") from None


def _check_size(size: tuple[int, int], label: str, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{label}: a picture of {width} x {height} pixels, expected at least 1 x 1")
    if width * height > max_pixels:
        raise _too_large(label, f"{width:,} x {height:,} = {width * height:,} pixels", max_pixels)


def _too_large(label: str, what: str, max_pixels: int) -> LimitError:
    return LimitError(f"{label}: {what}, expected at most {max_pixels:,}: scale it down or raise --max-pixels")


def _frames(image: Image.Image) -> tuple[str, ...]:
    """Return a notice for a file of several pictures; embedded previews (MPO) and layers (PSD) do not count."""
    if image.format in ("MPO", "PSD"):
        return ()
    try:
        count = int(getattr(image, "n_frames", 1))
    except Exception:  # a damaged later frame does not matter: the first is read
        image.seek(0)
        return ()
    if count < 2:
        return ()
    return (f"several pages: first of {count}" if image.format == "TIFF" else f"animated: first frame of {count}",)


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # unreadable metadata says nothing about the orientation
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _bare(image: Image.Image) -> Image.Image:
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    return bare
