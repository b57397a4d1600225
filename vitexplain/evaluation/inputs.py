"""The images to judge on: files, folders of them, and standard input; each image once."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vitexplain.batch.sources.folder import list_pictures
from vitexplain.evaluation.objects import Seen
from vitexplain.evaluation.question import Question
from vitexplain.images import open_picture, prepare
from vitexplain.images.files import read_file
from vitexplain.models import LoadedModel


@dataclass(frozen=True)
class GivenImage:
    """One input: its path as given, and its bytes where they can be read only once (standard input)."""

    path: str
    data: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes of the file; InputError if it cannot be read."""
        return read_file(self.path) if self.data is None else self.data


def list_images(paths: Sequence[str], out: Path | None) -> tuple[GivenImage, ...]:
    """Return every file given and every picture in a folder given; `-` is standard input.

    InputError: a folder without a picture; UsageError: `out` is a folder of pictures itself.
    """
    found: list[GivenImage] = []
    for path in paths:
        if path == "-":
            found.append(GivenImage(path, sys.stdin.buffer.read()))
        elif Path(path).is_dir():
            listing = list_pictures(os.path.normpath(path), Path(os.devnull) if out is None else out)
            found += [GivenImage(listed.path) for listed in listing.pictures]
        else:
            found.append(GivenImage(path))
    return tuple(found)


def digest(data: bytes) -> str:
    """Return the SHA-256 that identifies an image."""
    return hashlib.sha256(data).hexdigest()


def look(data: bytes, path: str, model: LoadedModel, question: Question) -> Seen:
    """Return a picture as the model sees it; InputError if it cannot be read."""
    picture = open_picture(io.BytesIO(data), max_pixels=question.max_pixels, name=path)
    pixels, view = prepare(picture, model.preprocess, question.view)
    batch = torch.from_numpy(pixels)[None].to(model.device, model.dtype)
    return Seen(batch, view, (picture.width, picture.height))
