"""Labelled photographs in a zip file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id, normalise, to_unit_pixels
from tests.builtin_model.zip_of_colours import CLASSES, write_zip
from vitexplain.errors import InputError
from vitexplain.models.builtin.labels import read_labels
from vitexplain.models.builtin.network import MEAN, STD

KNOWN = class_of_wordnet_id(read_labels())


def test_photographs_have_the_class_of_their_folder(tmp_path: Path) -> None:
    archive = PhotoZip(write_zip(tmp_path / "data.zip", per_class=3), KNOWN)
    assert len(archive) == 12
    assert [photo.target for photo in archive.photos] == list(CLASSES) * 3
    image = archive.read(archive.photos[0])
    assert (image.mode, image.size) == ("RGB", (32, 32))


def test_a_class_is_found_by_its_wordnet_id() -> None:
    labels = read_labels()
    classes = class_of_wordnet_id(labels)
    assert len(classes) == 200
    assert all(classes[wordnet_id] == index for index, (wordnet_id, _) in enumerate(labels))


def test_a_limit_spreads_over_the_file(tmp_path: Path) -> None:
    archive = PhotoZip(write_zip(tmp_path / "data.zip", per_class=3), KNOWN)
    assert [archive.photos.index(photo) for photo in archive.spread(4)] == [0, 3, 6, 9]
    assert archive.spread(None) == archive.spread(99) == archive.photos


def test_pixels_are_normalised_by_channel() -> None:
    pixels = normalise(to_unit_pixels(Image.new("RGB", (3, 2), (255, 0, 51))))
    assert pixels.shape == (3, 2, 3)
    expected = torch.tensor([(value - m) / s for value, m, s in zip((1.0, 0.0, 0.2), MEAN, STD, strict=True)])
    torch.testing.assert_close(pixels[:, 1, 2], expected)


def _zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    for path in (tmp_path / "none.zip", tmp_path / "text.zip", tmp_path):
        with pytest.raises(InputError, match="cannot be opened"):
            PhotoZip(path, KNOWN)
    with pytest.raises(InputError, match="holds no images"):
        PhotoZip(_zip(tmp_path / "empty.zip", {"n01443537/readme.txt": b""}), KNOWN)
    with pytest.raises(InputError, match="none of the 200 classes"):
        PhotoZip(_zip(tmp_path / "other.zip", {"n99999999/a.JPEG": b""}), KNOWN)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 64)).save(data, "JPEG")
    path = _zip(tmp_path / "data.zip", {"n01443537/cut.JPEG": data.getvalue()[:-200], "n01443537/text.JPEG": b"x"})
    archive = PhotoZip(path, KNOWN)
    for photo, name in zip(archive.photos, ("cut", "text"), strict=True):
        with pytest.raises(InputError, match=f"{name}.JPEG.*cannot be decoded"):
            archive.read(photo)
