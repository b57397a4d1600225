"""Every kind of picture and every odd file through `run` and `batch`: explained, or one line that says what to do."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from tests.batch.folder_state import by_path, overlays, pictures
from tests.batch.mixed_files import WAYS
from tests.cli.command_line import command_line
from vitexplain.cli.flags import with_flags

GRADIENT = np.linspace(0, 255, 40 * 24).reshape(24, 40).astype(np.uint8)
Make = Callable[[Path], None]


def colours(width: int = 40, height: int = 24) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8))


def saved(image: Image.Image, **options: object) -> Make:
    return lambda path: image.save(path, **options)  # type: ignore[arg-type]


def turned(orientation: int) -> Make:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(colours(), exif=exif)


def palette() -> Image.Image:
    image = colours().convert("P")
    image.info["transparency"] = 3
    return image


FRAMES = [colours(), colours().rotate(180)]

EXPLAINED: dict[str, Make] = {
    "sixteen.png": saved(Image.fromarray(GRADIENT.astype(np.uint16) * 257)),
    "sixteen.tif": saved(Image.fromarray(GRADIENT.astype(np.uint16) * 257)),
    "one_bit.png": saved(colours().convert("1")),
    "palette.png": saved(palette(), transparency=3),
    "cmyk.jpg": saved(colours().convert("CMYK")),
    "cmyk.tif": saved(colours().convert("CMYK")),
    "la.png": saved(colours().convert("LA")),
    "rgba.webp": saved(colours().convert("RGBA")),
    "grey.jpg": saved(colours().convert("L")),
    "lab.tif": saved(Image.merge("LAB", colours().split())),
    "float.tif": saved(Image.fromarray(GRADIENT.astype(np.float32) / 255)),
    "int32.tif": saved(Image.fromarray(GRADIENT.astype(np.int32) * 1000)),
    "animated.gif": saved(FRAMES[0], save_all=True, append_images=FRAMES[1:]),
    "animated.webp": saved(FRAMES[0], save_all=True, append_images=FRAMES[1:]),
    "one_pixel.png": saved(colours(1, 1)),
    "thread.png": saved(colours(20_000, 10)),
    "pole.png": saved(colours(10, 20_000)),
    "UPPER.JPG": saved(colours(), format="JPEG"),
    "a really.long name, with 'quotes\" and spaces.png": saved(colours()),
    "two\nlines.png": saved(colours()),
    "-o.png": saved(colours()),
    "--help.png": saved(colours()),
    os.fsdecode(b"caf\xe9 \xff.png"): saved(colours()),
    "\u00e9\u4e2d\U0001f600.png": saved(colours()),
    "~.png": saved(colours()),
    "...dots.png": saved(colours()),
    "[bold]name[red].png": saved(colours()),
    f"{'n' * 240}.png": saved(colours()),
    "same.png": saved(colours()),
    "same.jpg": saved(colours()),
    "SAME.png": saved(colours()),
    "link.png": lambda path: path.symlink_to("same.png"),
    **{f"turned{orientation}.jpg": turned(orientation) for orientation in range(1, 9)},
}
if features.check("avif"):
    EXPLAINED["picture.avif"] = saved(colours())
if ".heic" in Image.registered_extensions():
    EXPLAINED["picture.heic"] = saved(colours())

ANSWERS = {
    "empty.jpg": ("the file is empty", "expected a picture"),
    "text.jpg": ("not a picture that can be read", "expected JPEG"),
    "script.jpg": ("not a picture that can be read", "expected JPEG"),
    "bomb.png": ("pixels, expected at most", "or raise"),
    "pipe.jpg": ("a pipe (FIFO)", "expected a regular file"),
    "socket.png": ("socket", "expected a regular file"),
    "device.jpg": ("a device", "expected a regular file"),
    "dangling.jpg": ("a link to a file that does not exist", "check the name"),
    "loop.png": ("a link that leads to itself", "check the name"),
    "half.jpg": ("damaged or incomplete", ""),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one folder; a directory named like a picture holds one more."""
    here = tmp_path_factory.mktemp("matrix") / "photos"
    here.mkdir()
    for name, make in [*EXPLAINED.items(), *WAYS.items()]:
        make(here / name)
    (here / "folder.jpg").mkdir()
    colours().save(here / "folder.jpg/inner.png")
    (here / "round").symlink_to(".")
    return here


def test_batch_answers_every_file_once(folder: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    ended = command_line("batch", folder, "-o", out, "--model", tiny_model, "--workers", 0)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    found = {os.path.relpath(path, folder): record for path, record in by_path(out).items()}
    assert set(found) == {*EXPLAINED, *WAYS, "folder.jpg/inner.png"}
    for name in EXPLAINED:
        assert "error" not in found[name], found[name]
    for name in WAYS:
        message = found[name]["error"]["message"]
        assert message.isprintable() and name in message
        assert all(words in message for words in ANSWERS.get(name, ())), message
    assert "animated: first frame only" in found["animated.gif"]["notices"]
    assert "2 images: animated: first frame only" in ended.err
    for orientation in range(1, 9):
        image = found[f"turned{orientation}.jpg"]["image"]
        assert (image["width"], image["height"]) == ((40, 24) if orientation < 5 else (24, 40))
    # Names that differ in case or ending only have overlays of their own, also where case is not told apart.
    files = overlays(out)
    assert len({name.casefold() for name in files}) == len(files) == len(EXPLAINED) + 1
    assert set(pictures(out)) == files
    for name in files:
        with Image.open(out / name) as overlay:
            overlay.load()
            assert max(overlay.size) <= 1600


@pytest.mark.parametrize("name", ["two\nlines.png", "-o.png", os.fsdecode(b"caf\xe9 \xff.png"), "animated.gif"])
def test_run_explains_odd_names(
    folder: Path, tmp_path: Path, tiny_model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    ended = command_line("run", "-o", tmp_path, "--model", tiny_model, "--json", "--", name)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["image"]["path"] == name
    assert ("animated: first frame only" in ended.err) == (name == "animated.gif")


@pytest.mark.parametrize("name", [*WAYS, "folder.jpg", "missing.jpg", "nul\0.png", "x" * 5000])
def test_run_answers_in_one_line(folder: Path, tmp_path: Path, tiny_model: Path, name: str) -> None:
    ended = command_line("run", f"{folder}/{name}", "-o", tmp_path, "--model", tiny_model, "--json")
    code = {"folder.jpg": 2, "bomb.png": 5}.get(name, 3)
    assert ended.code == code, ended.err
    line = ended.error_line
    assert line.isprintable()
    record = json.loads(ended.out)
    assert line == f"error: {with_flags(record['error']['message'])}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_picture_cut_at_any_byte_is_explained_or_answered(form: str, tmp_path: Path, tiny_model: Path) -> None:
    """Every length of a file of a few hundred bytes, in one batch."""
    stream = io.BytesIO()
    colours(9, 7).save(stream, form)
    data = stream.getvalue()
    folder = tmp_path / "photos"
    folder.mkdir()
    lengths = [*range(0, len(data), max(1, len(data) // 60)), len(data)]
    for length in lengths:
        (folder / f"{length:04d}.{form.lower()}").write_bytes(data[:length])
    ended = command_line("batch", folder, "-o", tmp_path / "out", "--model", tiny_model, "--workers", 0)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert len(by_path(tmp_path / "out")) == len(lengths)
