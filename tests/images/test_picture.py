"""Every kind of picture: upright, in RGB, or one clear line."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from vitexplain.errors import InputError, LimitError, VitexplainError
from vitexplain.images import DEFAULT_MAX_PIXELS, open_picture, picture_endings
from vitexplain.images.decoding import _TURNS


def saved(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    stream.seek(0)
    return stream


def gradient(width: int = 40, height: int = 24) -> Image.Image:
    rows, cols = np.mgrid[0:height, 0:width]
    array = np.stack([cols * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=-1)
    return Image.fromarray(array.astype(np.uint8))


def pixel(stream: io.BytesIO, at: tuple[int, int] = (0, 0)) -> object:
    picture = open_picture(stream)
    assert picture.image.mode == "RGB"
    return picture.image.getpixel(at)


def test_a_file_has_its_path_and_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    gradient().save(path)
    for source in (path, str(path), os.fsencode(path)):
        picture = open_picture(source)
        assert picture.path == str(path)
        assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (picture.width, picture.height, picture.notices) == (40, 24, ())
        assert picture.image.tobytes() == gradient().tobytes()


def test_a_stream_has_no_path_but_the_name_given() -> None:
    assert open_picture(saved(gradient(), "PNG")).path is None
    assert open_picture(saved(gradient(), "PNG"), name="-").path == "-"


def test_images_and_arrays_are_told_apart_by_size_and_what_they_show() -> None:
    wide, high = np.zeros((2, 8), np.uint8), np.zeros((8, 2), np.uint8)
    assert open_picture(wide).sha256 == open_picture(wide.copy()).sha256 != open_picture(high).sha256
    assert open_picture(Image.new("L", (4, 4))).sha256 == open_picture(Image.new("RGB", (4, 4))).sha256
    red, blue = Image.new("P", (4, 4)), Image.new("P", (4, 4))
    red.putpalette([255, 0, 0])
    blue.putpalette([0, 0, 255])
    assert red.tobytes() == blue.tobytes()
    assert open_picture(red).sha256 != open_picture(blue).sha256


def test_integers_of_eight_bits_in_wider_words_are_not_black() -> None:
    ramp = np.arange(256, dtype=np.int32).reshape(16, 16)
    stream = saved(Image.fromarray(ramp), "TIFF")
    assert np.asarray(open_picture(stream).image).max() == 255


@pytest.mark.parametrize(("mode", "order"), [("I;16", "<u2"), ("I;16B", ">u2")])
def test_dark_pictures_of_sixteen_bits_stay_dark(mode: str, order: str) -> None:
    dark = Image.frombytes(mode, (4, 4), np.full((4, 4), 200, order).tobytes())
    assert np.asarray(open_picture(dark).image).max() == 1


@pytest.mark.parametrize(("light", "words"), [(0, "black"), (16, "black"), (239, "white"), (255, "white")])
def test_pictures_that_are_nearly_black_or_white_are_said_to_be(light: int, words: str) -> None:
    flat = np.full((100, 100, 3), light, np.uint8)
    flat[0, :10] = 128
    (notice,) = open_picture(flat).notices
    assert notice.startswith(f"nearly {words}: 99.9% of it is at ")
    flat[1, :10] = 128
    assert open_picture(flat).notices == ()
    # One channel is enough to be no black.
    flat[:, :, 1] = 128
    assert open_picture(flat).notices == ()
    assert open_picture(np.full((4, 4), 17 if light < 99 else 238, np.uint8)).notices == ()


def test_modes_with_colours_times_transparency_are_read() -> None:
    half = Image.new("LA", (4, 4), (200, 128))
    assert (
        np.ptp(np.asarray(open_picture(half.convert("La")).image).astype(int) - np.asarray(open_picture(half).image))
        <= 1
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {"quality": 95} if form == "JPEG" else {}
    stream = saved(gradient(), form, exif=exif, **options)
    with Image.open(io.BytesIO(stream.getvalue())) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"), np.int16)
    picture = open_picture(stream)
    assert (picture.width, picture.height) == ((40, 24) if orientation < 5 else (24, 40))
    assert np.array_equal(np.asarray(picture.image, np.int16), expected)
    assert picture.image.getexif().get(0x0112) is None


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "I", "F", "RGB", "RGBA", "CMYK"])
def test_turned_tiffs_of_any_mode_show_what_the_upright_ones_do(mode: str, compression: str | None) -> None:
    grey = np.arange(24 * 40).reshape(24, 40)
    arrays: dict[str, np.ndarray] = {
        "I;16": grey.astype(np.uint16) * 64,
        "I": grey.astype(np.int32),
        "F": (grey / 960).astype(np.float32),
    }
    shown = Image.fromarray(arrays.get(mode, (grey // 4).astype(np.uint8)))
    given = shown if mode in arrays else shown.convert(mode)
    options: dict[str, object] = {"compression": compression} if compression else {}
    upright = open_picture(saved(given, "TIFF", **options)).image
    for orientation, turn in _TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = open_picture(saved(given, "TIFF", **options, exif=exif)).image
        np.testing.assert_array_equal(np.asarray(turned), np.asarray(upright.transpose(turn)))
        assert turned.size == upright.transpose(turn).size


def test_a_lazily_opened_image_is_turned_and_left_alone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    gradient().save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        picture = open_picture(image)
        assert (picture.width, picture.height) == (24, 40)
        assert image.size == (40, 24)


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert pixel(saved(clear, "PNG")) == (255, 255, 255)
    assert pixel(saved(Image.new("LA", (2, 2), (0, 128)), "PNG")) == (127, 127, 127)
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert pixel(saved(palette, "PNG")) == (200, 100, 50)
    assert pixel(saved(palette, "PNG", transparency=1)) == (255, 255, 255)
    assert pixel(saved(palette, "GIF", transparency=1)) == (255, 255, 255)
    assert pixel(saved(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))) == (255, 255, 255)
    assert pixel(saved(Image.new("L", (2, 2), 7), "PNG", transparency=7)) == (255, 255, 255)


def test_other_modes_become_rgb() -> None:
    assert pixel(saved(Image.new("1", (2, 2), 1), "PNG")) == (255, 255, 255)
    assert pixel(saved(Image.new("L", (2, 2), 9), "PNG")) == (9, 9, 9)
    assert pixel(saved(Image.new("CMYK", (2, 2), (0, 0, 0, 0)), "TIFF")) == (255, 255, 255)
    assert pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)) == (255, 0, 0)
    assert pixel(saved(Image.new("YCbCr", (8, 8), (128, 128, 128)), "JPEG")) == (128, 128, 128)


def test_lab_is_converted_by_its_profile() -> None:
    grey = Image.new("RGB", (2, 2), (119, 119, 119))
    lab = ImageCms.profileToProfile(
        grey, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    red, green, blue = np.asarray(open_picture(saved(lab, "TIFF")).image)[0, 0]
    assert max(abs(int(value) - 119) for value in (red, green, blue)) <= 2


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.array([[0, 257, 32896, 65535]], np.uint16)
    for form in ("PNG", "TIFF"):
        picture = open_picture(saved(Image.fromarray(ramp), form))
        assert np.asarray(picture.image)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert np.asarray(open_picture(ramp).image)[0, :, 0].tolist() == [0, 1, 128, 255]
    wide = Image.fromarray(np.array([[-100, 0, 100]], np.int32))
    picture = open_picture(saved(wide, "TIFF"))
    assert np.asarray(picture.image)[0, :, 0].tolist() == [0, 128, 255]
    assert picture.notices == ("grey values from -100 to 100 stretched to black and white",)


def test_floats_by_their_range() -> None:
    def values(array: list[float]) -> list[int]:
        picture = open_picture(saved(Image.fromarray(np.array([array], np.float32)), "TIFF"))
        return [int(value) for value in np.asarray(picture.image)[0, :, 0]]

    assert values([0, 0.5, 1]) == [0, 128, 255]
    assert values([0, 100, 200]) == [0, 100, 200]
    assert values([-1, 0, 1]) == [0, 128, 255]
    assert values([float("nan"), 0.5, float("inf")]) == [0, 128, 0]
    assert values([-3e38, -3e38, 3e38])[::2] == [0, 255]


def test_animations_give_their_first_frame_and_say_so() -> None:
    frames = [Image.new("RGB", (4, 4), (200, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 200))]
    for form in ("GIF", "WEBP", "PNG"):
        picture = open_picture(saved(frames[0], form, save_all=True, append_images=frames[1:]))
        assert picture.notices == ("animated: first frame only",)
        red, _, blue = np.asarray(picture.image)[0, 0]
        assert red > 190 > 10 > blue
    pages = open_picture(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert pages.notices == ("several pages: first page only",)
    assert open_picture(saved(frames[0], "MPO", save_all=True, append_images=frames[1:])).notices == ()


@pytest.mark.parametrize("size", [(1, 1), (20_000, 10), (3, 5_000)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    picture = open_picture(saved(Image.new("RGB", size), "PNG"))
    assert (picture.width, picture.height) == size


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = saved(Image.new("1", (20_000, 20_000)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(LimitError, match=r"400,000,000 pixels, expected at most 120,000,000: .*`max_pixels=`"):
        open_picture(stream)
    with pytest.raises(LimitError, match="4 x 4 = 16 pixels, expected at most 15"):
        open_picture(Image.new("L", (4, 4)), max_pixels=15)


def test_a_higher_limit_is_not_stopped_by_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    picture = open_picture(saved(gradient(), "PNG"))
    assert picture.width == 40
    assert Image.MAX_IMAGE_PIXELS == 100
    assert DEFAULT_MAX_PIXELS > 108_000_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text\n" * 9, "not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n", "not a picture that can be read"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n", "damaged or incomplete|not a picture"),
    ],
)
def test_what_is_no_picture_is_one_line(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        open_picture(io.BytesIO(data), name="x.jpg")
    assert str(caught.value).startswith("x.jpg: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_truncated_at_any_byte(form: str) -> None:
    data = saved(gradient(), form).getvalue()
    for length in range(0, len(data), max(1, len(data) // 60)):
        try:
            open_picture(io.BytesIO(data[:length]), name="x")
        except VitexplainError as error:
            assert "\n" not in str(error)


class _Stream:
    def __init__(self, answer: object) -> None:
        self._answer = answer

    def read(self, _size: int) -> object:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("text", r"read\(\) returns str, expected bytes"),
        (None, r"read\(\) returns NoneType, expected bytes"),
        (OSError("it\nis gone"), r"cannot be read \(it is gone\)"),
        (ValueError(), r"cannot be read \(ValueError\)"),
    ],
)
def test_streams_that_give_no_bytes_are_one_line(answer: object, words: str) -> None:
    with pytest.raises(InputError, match=f"^the stream given: {words}"):
        open_picture(_Stream(answer))  # type: ignore[arg-type]


def test_arrays() -> None:
    assert open_picture(np.ones((3, 5), bool)).image.getpixel((0, 0)) == (255, 255, 255)
    assert open_picture(np.full((3, 5, 1), 7, np.uint8)).image.getpixel((0, 0)) == (7, 7, 7)
    assert open_picture(np.full((3, 5, 3), 0.5)).image.getpixel((4, 2)) == (128, 128, 128)
    assert open_picture(np.full((3, 5, 4), 255, np.int64)).image.getpixel((4, 2)) == (255, 255, 255)
    for array, words in [
        (np.zeros((3, 5, 2), np.uint8), r"shape \(3, 5, 2\)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.full((3, 5), 2.0), "floats outside 0..1"),
        (np.full((3, 5), np.nan), "floats outside 0..1"),
        (np.full((3, 5), 300, np.int64), "int64"),
        (np.full((3, 5), "a"), "array of"),
    ]:
        with pytest.raises(InputError, match=words):
            open_picture(array)


def test_endings_are_those_that_pillow_opens_but_for_postscript() -> None:
    endings = picture_endings()
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"} <= endings
    assert not {".eps", ".ps", ".pdf", ".wmf", ".mpg", ".h5"} & endings


def test_a_part_larger_than_its_container_says_is_refused() -> None:
    """An ICO whose directory says 16 x 16, with a PNG of 4,000 x 4,000 in it."""
    inner = saved(Image.new("L", (4_000, 4_000)), "PNG").getvalue()
    header = b"\0\0\1\0\1\0" + bytes([16, 16, 0, 0, 1, 0, 32, 0])
    data = header + len(inner).to_bytes(4, "little") + (22).to_bytes(4, "little") + inner
    with pytest.raises(LimitError, match="16,000,000 pixels, expected at most 1,000,000"):
        open_picture(io.BytesIO(data), max_pixels=1_000_000)


def test_the_bytes_of_a_file_are_a_picture_and_those_of_a_path_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (9, 4), "red").save(path)
    data = path.read_bytes()
    named = open_picture(os.fsencode(path))
    for given in (data, bytearray(data), memoryview(data)):
        seen = open_picture(given)
        assert (seen.width, seen.height, seen.path, seen.sha256) == (9, 4, None, named.sha256)
    with pytest.raises(InputError, match=r"^the bytes given: ") as caught:
        open_picture(b"\0" + b"no picture" * 1000)
    assert len(str(caught.value)) < 200
    with pytest.raises(InputError) as caught:
        open_picture("x" * 5000)
    assert len(str(caught.value)) < 700
