"""Which picture formats are read; Pillow is kept from warning, running programs and decoding bombs."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, UnidentifiedImageError

# EPS starts an interpreter; WMF needs Windows; the others are names without a decoder or hold no picture.
_REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC"})

# Pillow's pixel limit and Python's warning filters belong to the whole process: one picture at a time.
_lock = threading.RLock()

# Pillow logs some damage as errors; without any handler Python would print them to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


HEIF_ENDINGS = frozenset({".heic", ".heif", ".heics", ".heifs", ".hif"})
HEIF_REMEDY = "pip install 'vitexplain[heif]'"
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def is_heif(data: bytes) -> bool:
    """Whether the bytes of a file are a picture of HEIF's, as phones write them."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


@functools.cache
def reads_heif() -> bool:
    """Teach Pillow to read HEIF where pillow-heif is installed, and return whether it is."""
    try:
        heif = importlib.import_module("pillow_heif")
    except ImportError:
        return False
    heif.register_heif_opener(thumbnails=False)
    return True


def picture_endings() -> frozenset[str]:
    """Return the file name endings of the pictures that are read, in lower case, with their dot."""
    Image.init()
    reads_heif()
    return frozenset(
        ending.lower()
        for ending, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _REFUSED
    )


@contextmanager
def quiet_pillow(max_pixels: int) -> Iterator[None]:
    """Keep Pillow's warnings in, but raise DecompressionBombWarning above `max_pixels`; all is undone after.

    Pillow checks the parts of a picture, too: the directory of an ICO may say 16 x 16 and its content be a bomb.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def silent_libtiff(image: Image.Image) -> Iterator[None]:
    """Keep what libtiff writes to the process's stderr about a damaged TIFF from the terminal while it is decoded."""
    if image.format != "TIFF":
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def open_allowed(stream: IO[bytes]) -> Image.Image:
    """Return the picture in `stream`, its header read, not yet decoded; raises whatever Pillow raises."""
    Image.preinit()
    common = _allowed()
    try:
        return Image.open(stream, formats=common)
    except UnidentifiedImageError:
        Image.init()
        reads_heif()
        others = [name for name in _allowed() if name not in common]
        if not others:
            raise
        return Image.open(stream, formats=others)


def _allowed() -> list[str]:
    return [name for name in Image.ID if name in Image.OPEN and name not in _REFUSED]
