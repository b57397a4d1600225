"""Every depth is shown by its own range: 10, 12, 14 bits, signed words, floats, white-is-zero, declared bits of PNG."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.images.made_tiff import tiff
from vitexplain.errors import InputError, LimitError
from vitexplain.images import open_picture
from vitexplain.images import parts as images_parts

RAMP = np.linspace(0, 1, 31 * 23).reshape(23, 31)


def shown(data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the greys (H, W) that a file is shown as, and its notices."""
    picture = open_picture(io.BytesIO(data), name="x.tif")
    pixels = np.asarray(picture.image)
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, 0].astype(int), picture.notices


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", range(1, 17))
def test_a_tiff_of_any_depth_reaches_from_black_to_white(bits: int, order: str) -> None:
    full = 2**bits - 1
    values = np.floor(RAMP * full)
    expected = np.rint(values * 255 / full)
    for compression in (1, 8):
        light, notices = shown(tiff(values, bits, order, compression=compression))
        assert np.array_equal(light, expected)
        assert notices == ()
        # 0 is white.
        assert np.array_equal(shown(tiff(values, bits, order, photometric=0, compression=compression))[0], 255 - light)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_bits_in_reverse_and_in_three_channels(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    full = 2**bits - 1
    monkeypatch.setattr(images_parts, "PART_PIXELS", 11)  # pieces of rows that begin in the middle of a byte
    values = np.floor(RAMP * full)
    assert np.array_equal(shown(tiff(values, bits, fill_order=2))[0], np.rint(values * 255 / full))
    colours = np.random.default_rng(bits).integers(0, full + 1, (7, 20, 3))
    picture = open_picture(io.BytesIO(tiff(colours.reshape(7, 60), bits, photometric=2, channels=3)))
    assert np.array_equal(np.asarray(picture.image), np.rint(colours * 255 / full))


TWELVE = ("grey values read as 12 bits: the fewest that hold them",)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "bits", "low", "high", "brightest", "notices"),
    [
        ("i", 8, 0, 127, 255, ()),
        ("i", 16, 0, 32767, 255, ()),
        ("i", 16, 0, 100, 100, ()),
        ("i", 16, 0, 4095, 255, TWELVE),
        ("i", 32, 0, 4095, 255, TWELVE),
        ("u", 32, 0, 4095, 255, TWELVE),
        ("u", 32, 0, 65535, 255, ()),
        ("i", 8, -128, 127, 255, ("grey values from -128 to 127 stretched to black and white",)),
        ("i", 16, -1000, 3000, 255, ("grey values from -1000 to 3000 stretched to black and white",)),
        ("u", 32, 0, 2**32 - 1, 255, ("grey values from 0 to 4.29497e+09 stretched to black and white",)),
        ("f", 32, 0, 1, 255, ()),
        ("f", 32, 0, 200, 200, ()),
        ("f", 16, 0, 1, 255, ()),
        ("f", 64, 0, 1, 255, ()),
        ("f", 32, 0, 1.5, 255, ("grey values from 0 to 1.5 stretched to black and white",)),
        ("f", 32, 0, 4095, 255, ("grey values from 0 to 4095 stretched to black and white",)),
        ("f", 64, -1, 1, 255, ("grey values from -1 to 1 stretched to black and white",)),
    ],
)
def test_wider_words_by_what_they_hold(
    kind: str, bits: int, low: float, high: float, brightest: int, notices: tuple[str, ...], order: str
) -> None:
    values = low + RAMP * (high - low)
    light, said = shown(tiff(values if kind == "f" else np.rint(values), bits, order, kind))
    assert (light.min(), light.max(), said) == (0, brightest, notices)
    assert (np.diff(light.ravel()) >= 0).all()


def test_words_that_are_as_dark_as_their_depth_says_stay_dark_and_it_is_said() -> None:
    values = np.rint(RAMP * 4095)
    light, notices = shown(tiff(values, 16))
    assert light.max() == 16
    assert len(notices) == 1 and notices[0].startswith("nearly black: ")
    # The same with MaxSampleValue.
    light, notices = shown(tiff(values, 16, tags={281: [4095]}))
    assert (light.max(), notices) == (255, ())
    # A PGM says its depth.
    light, notices = shown(b"P5\n2 2\n65535\n" + np.array([0, 9, 200, 255], ">u2").tobytes())
    assert light.max() == 1


def grey_png(values: np.ndarray, *chunks: tuple[bytes, bytes], depth: int = 16) -> bytes:
    """Return a PNG of greys (H, W) of 16 bits, or of fewer, with chunks before the pixels."""
    height, width = values.shape
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in values]
    else:
        rows = [
            np.packbits(np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, -depth:]).tobytes() for row in values
        ]
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))
        for kind, held in ((b"IHDR", header), *chunks, (b"IDAT", body), (b"IEND", b""))
    )


def test_significant_bits_of_png_wherever_they_stand() -> None:
    values = np.floor(RAMP * 4095).astype(np.int64)
    twelve = (b"sBIT", b"\x0c")
    expected = np.rint(values * 255 / 4095)
    # At the bottom of the word, as many write them; at the top, as PNG has it.
    assert np.array_equal(shown(grey_png(values, twelve))[0], expected)
    for word in (values << 4, values << 4 | values >> 8):
        assert np.abs(shown(grey_png(word, twelve))[0] - expected).max() <= 1
    # Dark ones at the top stay dark.
    for word in (values // 16 << 4, np.rint(values // 16 * 65535 / 4095).astype(np.int64)):
        assert shown(grey_png(word, twelve))[0].max() == 16
    # No more than is declared.
    assert shown(grey_png(values * 2, twelve))[0].max() == 32


@pytest.mark.parametrize("depth", [1, 2, 4, 16])
def test_png_of_few_bits_and_its_transparent_grey(depth: int) -> None:
    full = 2**depth - 1
    values = np.array([[0, full // 2, full], [full, 1, 0]])
    light, notices = shown(grey_png(values, depth=depth))
    assert np.array_equal(light, np.rint(values * 255 / full))
    assert notices == ()
    clear = shown(grey_png(values, (b"tRNS", struct.pack(">H", 0)), depth=depth))[0]
    assert np.array_equal(clear, np.where(values == 0, 255, light))
    dark = shown(grey_png(values, (b"tRNS", struct.pack(">H", full // 2)), depth=depth))[0]
    assert np.array_equal(dark, np.where(values == full // 2, 255, light))


def test_the_depth_within_a_file_of_icons() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.rint(np.linspace(0, 65535, 16 * 16)).reshape(16, 16).astype(np.uint16)).save(stream, "ICNS")
    light, _ = shown(stream.getvalue())
    assert 0 <= light.min() < 5 and 250 < light.max() <= 255
    assert len(np.unique(light)) > 50


def test_fits_has_a_sign() -> None:
    cards = [b"SIMPLE  = T", b"BITPIX  = 16", b"NAXIS   = 2", b"NAXIS1  = 31", b"NAXIS2  = 23", b"END"]
    head = b"".join(card.ljust(80) for card in cards).ljust(2880)
    light, notices = shown(head + np.rint(RAMP * 200 - 100).astype(">i2").tobytes().ljust(2880, b"\0"))
    assert np.array_equal(light[-1], np.sort(light[-1]))
    assert notices == ("grey values from -100 to 100 stretched to black and white",)


def test_a_tiff_of_an_unread_kind_is_named() -> None:
    values = np.rint(RAMP * 4095)
    for data in (
        tiff(values, 17),
        tiff(np.repeat(values, 2, 1), 12, channels=2),
        tiff(values, 12, ">", tags={259: [5]}),
        tiff(np.repeat(RAMP, 3, 1), 32, kind="f", channels=3, photometric=2),
    ):
        with pytest.raises(InputError, match=r"^x\.tif: a TIFF of \d x \d+ bits a pixel .* not read: save it as PNG$"):
            shown(data)


def test_what_an_odd_tiff_claims_is_checked() -> None:
    values = np.rint(RAMP * 1023)
    with pytest.raises(LimitError, match="31 x 4,000,000,000 = "):
        shown(tiff(values, 10, tags={257: [4_000_000_000]}))
    for tags in ({257: [1_000_000]}, {273: [8]}, {273: [10**9] * 5}, {278: [0]}):
        with pytest.raises(InputError, match="damaged or incomplete"):
            shown(tiff(values, 10, tags=tags))


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_odd_tiff_is_turned(orientation: int) -> None:
    picture = open_picture(io.BytesIO(tiff(np.rint(RAMP * 1023), 10, tags={274: [orientation]})))
    assert (picture.width, picture.height) == ((31, 23) if orientation == 1 else (23, 31))
    lazily = Image.open(io.BytesIO(tiff(np.rint(RAMP * 4095), 12, tags={274: [orientation]})))
    assert np.asarray(open_picture(lazily).image).max() == 255
    assert open_picture(lazily).image.size == picture.image.size
