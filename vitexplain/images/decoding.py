"""Bytes of a file to an upright RGB image: checked before they are decoded, and every failure in one line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from vitexplain.errors import InputError, LimitError, MissingExtraError, VitexplainError
from vitexplain.images.colours import to_rgb
from vitexplain.images.exposure import exposure_notices
from vitexplain.images.files import shown
from vitexplain.images.formats import HEIF_REMEDY, is_heif, open_allowed, quiet_pillow, reads_heif, silent_libtiff
from vitexplain.images.odd_tiff import OddTiff, UnreadKindError, is_tiff
from vitexplain.images.reduced import Least, reduce
from vitexplain.images.samples import Samples, declared, mend_transparency

_SEVERAL_PAGES = ("several pages: first page only",)
_ANIMATED = ("animated: first frame only",)
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
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True)
class _Loaded:
    """Decoded, in the file's own mode, not yet upright."""

    image: Image.Image
    samples: Samples
    orientation: object
    notices: tuple[str, ...] = ()
    whole: tuple[int, int] | None = None


def decode(
    given: list[bytes], label: str, max_pixels: int, least: Least | None = None
) -> tuple[Image.Image, tuple[str, ...], tuple[int, int] | None]:
    """Return the upright RGB image in a file's bytes, notices, and its own upright size if it was reduced.

    The bytes are taken out of the list `given`, so that they are freed as soon as they are decoded. A JPEG may be
    reduced as far as `least` allows; None: no picture is.
    InputError: no picture, or a broken one; LimitError: more than `max_pixels` pixels.
    """
    with _one_line(label, max_pixels):
        return _upright_rgb(lambda: _from_bytes(given, label, max_pixels, least))


def convert(image: Image.Image, label: str, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """Return an upright RGB copy of the image, which stays as it is, and notices. Errors as those of `decode`."""

    def loaded() -> _Loaded:
        _check_size(image.size, label, max_pixels)
        image.load()
        return _Loaded(image, declared(image), _orientation(image))

    with _one_line(label, max_pixels):
        return _upright_rgb(loaded)[:2]


def decode_samples(data: bytes, label: str, max_pixels: int) -> Image.Image:
    """Return the upright image in a file's bytes in its own mode: indices of a palette and 16 bits stay what they are.

    Errors as those of `decode`.
    """
    with _one_line(label, max_pixels):
        loaded = _from_bytes([data], label, max_pixels)
        turn = _turn(loaded)
        return loaded.image if turn is None else loaded.image.transpose(turn)


def _from_bytes(given: list[bytes], label: str, max_pixels: int, least: Least | None = None) -> _Loaded:
    data = given.pop()
    stream = io.BytesIO(data)
    try:
        image = open_allowed(stream)
    except UnidentifiedImageError:
        if is_heif(data) and not reads_heif():
            raise MissingExtraError(
                f"{label}: a picture of HEIF (HEIC): {HEIF_REMEDY}, or convert it to JPEG"
            ) from None
        if not is_tiff(data):
            raise
        return _from_odd_tiff(data, label, max_pixels)
    _check_size(image.size, label, max_pixels)
    whole = image.size
    factor = 1 if least is None else reduce(image, least)
    notices, turned = _frames(image), _taken_orientation(image)
    with silent_libtiff(image):
        image.load()
    if turned is not None:
        image._size = image.im.size  # Pillow states the size of the turned picture
    # Only now: a file of icons has its mode when it is decoded.
    samples, orientation = declared(image, data), turned or _orientation(image)
    mend_transparency(image, data)
    stream.close()  # what it holds is freed before the picture becomes RGB
    if factor == 1:
        return _Loaded(image, samples, orientation, notices)
    reduced = f"decoded at 1/{factor} of its size, as `fast_decode=True` asks: scores differ a little"
    return _Loaded(image, samples, orientation, (*notices, reduced), whole)


def _from_odd_tiff(data: bytes, label: str, max_pixels: int) -> _Loaded:
    tiff = OddTiff(data)
    _check_size(tiff.size, label, max_pixels)
    try:
        image = tiff.decode()
    except UnreadKindError as error:
        raise InputError(f"{label}: {error}") from None
    return _Loaded(image, tiff.samples, tiff.orientation, _SEVERAL_PAGES if tiff.several else ())


def _upright_rgb(load: Callable[[], _Loaded]) -> tuple[Image.Image, tuple[str, ...], tuple[int, int] | None]:
    loaded = load()
    rgb, notices = to_rgb(loaded.image, loaded.samples)
    notices = loaded.notices + notices
    turn, whole = _turn(loaded), loaded.whole
    if whole is not None and loaded.orientation in _SIDEWAYS:
        whole = whole[::-1]
    del loaded  # no more than two pictures at a time
    if turn is not None:
        rgb = rgb.transpose(turn)
    return rgb, notices + exposure_notices(rgb), whole


def _turn(loaded: _Loaded) -> Image.Transpose | None:
    return _TURNS.get(loaded.orientation) if isinstance(loaded.orientation, int) else None


@contextmanager
def _one_line(label: str, max_pixels: int) -> Iterator[None]:
    """Turn whatever a broken file makes Pillow raise into one error of one line."""
    try:
        with quiet_pillow(max_pixels):
            yield
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
    return LimitError(f"{label}: {what}, expected at most {max_pixels:,}: scale it down or raise `max_pixels=`")


def _frames(image: Image.Image) -> tuple[str, ...]:
    """Return a notice for a file of several pictures. They are not counted: there may be hundreds of thousands.

    Embedded previews (MPO) and layers (PSD) do not count.
    """
    if image.format in ("MPO", "PSD"):
        return ()
    try:
        several = bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame does not matter: the first is read
        image.seek(0)
        return ()
    if not several:
        return ()
    return _SEVERAL_PAGES if image.format == "TIFF" else _ANIMATED


def _taken_orientation(image: Image.Image) -> object:
    """Take the orientation out of a TIFF that is not yet decoded, and return it; None: it has none.

    Pillow would turn it at once: a third picture in memory, beside the file and what was decoded.
    """
    orientation = _orientation(image) if image.format == "TIFF" else None
    if orientation not in _TURNS:
        return None
    del image.getexif()[_ORIENTATION]
    return orientation


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # unreadable metadata: no orientation
        return None
