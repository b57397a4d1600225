"""Labelled photographs in a zip file: `<WordNet id>/<name>.JPEG`, read without unpacking it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image

from vitexplain.errors import InputError
from vitexplain.models.builtin.network import MEAN, STD

IMAGE_ENDINGS = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class Photo:
    """One entry of the zip file and the index of its class."""

    entry: str
    target: int


class PhotoZip:
    """The labelled photographs of one zip file, in the order of the file; safe to read from several threads."""

    def __init__(self, path: Path, classes: dict[str, int]) -> None:
        """Open `path` and list its images; `classes` is the class index of each WordNet id.

        Raises InputError if it is no zip file, holds no image, or one of a class that is not in `classes`.
        """
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be opened as a zip file ({error}); give a readable zip") from error
        self.photos = [
            Photo(entry, self._target(entry, classes))
            for entry in self._archive.namelist()
            if entry.lower().endswith(IMAGE_ENDINGS)
        ]
        if not self.photos:
            raise InputError(f"{path} holds no images; expected entries named <WordNet id>/<name>.JPEG")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.photos)

    def _target(self, entry: str, classes: dict[str, int]) -> int:
        wordnet_id = PurePosixPath(entry).parent.name
        if wordnet_id not in classes:
            raise InputError(
                f"{self.path} holds {entry!r}, whose folder is none of the {len(classes)} classes of the labels; "
                "expected <WordNet id>/<name>.JPEG: remove it or give another zip"
            )
        return classes[wordnet_id]

    def read(self, photo: Photo) -> Image.Image:
        """Return the decoded photograph in RGB. Raises InputError if it cannot be decoded."""
        try:
            with Image.open(io.BytesIO(self._archive.read(photo.entry))) as image:
                decoded: Image.Image = image.convert("RGB")
                return decoded
        except (OSError, ValueError, zipfile.BadZipFile, Image.DecompressionBombError) as error:
            raise InputError(
                f"{photo.entry!r} in {self.path} cannot be decoded ({error}); remove or replace it"
            ) from error

    def spread(self, limit: int | None) -> list[Photo]:
        """Return `limit` photographs spread evenly over the file, or all if `limit` is None or larger than that."""
        if limit is None or limit >= len(self.photos):
            return list(self.photos)
        return [self.photos[index * len(self.photos) // limit] for index in range(limit)]


def class_of_wordnet_id(labels: list[tuple[str, list[str]]]) -> dict[str, int]:
    """Return the class index of every WordNet id in `labels`."""
    return {wordnet_id: index for index, (wordnet_id, _) in enumerate(labels)}


def to_unit_pixels(image: Image.Image) -> torch.Tensor:
    """Return the RGB `image` as float32 (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1).div_(255.0)


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Return `pixels` (..., 3, H, W) in [0, 1] as the network wants them: less MEAN, divided by STD."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels - mean) / std
