"""The images to judge on: files, folders, tars, tables, remote addresses, and standard input; each image once."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vitexplain.batch.inputs import Place
from vitexplain.batch.sources.given import is_several, sources_of
from vitexplain.batch.sources.source import whole
from vitexplain.errors import InputError
from vitexplain.evaluation.objects import Seen
from vitexplain.evaluation.question import Question
from vitexplain.images import open_picture, prepare
from vitexplain.images.files import read_file
from vitexplain.models import LoadedModel


@dataclass(frozen=True)
class GivenImage:
    """One input: its path as given, its bytes where they can be read only once (standard input), or their place.

    `problem`: why it cannot be read.
    """

    path: str
    data: bytes | None = None
    place: Place | None = None
    problem: str | None = None

    def read(self) -> bytes:
        """Return the bytes of the file; InputError if it cannot be read."""
        if self.problem is not None:
            raise InputError(self.problem)
        if self.place is not None:
            return self.place.read()
        return read_file(self.path) if self.data is None else self.data


def list_images(paths: Sequence[str], out: Path | None) -> tuple[GivenImage, ...]:
    """Return every file given and every picture in the folders, tars, tables and remote addresses given.

    `-` is standard input. InputError: a folder or the like without a picture, or one that cannot be read; UsageError:
    `out` is a folder of pictures itself.
    """
    found: list[GivenImage] = []
    for path in paths:
        if path == "-":
            found.append(GivenImage(path, sys.stdin.buffer.read()))
        elif is_several(path):
            listing = whole(sources_of([path], out=None if out is None else str(out)))
            found += [GivenImage(each.path, place=each.place, problem=each.problem) for each in listing.pictures]
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
