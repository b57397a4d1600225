"""Small copies of the pictures that were explained: the page shows scores on them and never leaves its folder."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from vitexplain.batch.sources.again import container_in, place_of
from vitexplain.errors import InputError, OutputError, UsageError, VitexplainError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images import DEFAULT_MAX_PIXELS, open_picture
from vitexplain.images.files import shown
from vitexplain.output import input_of, write_files
from vitexplain.result import Result

FOLDER = "report"
"""Where the copies lie, beside the page."""

_NAME = re.compile(r"[0-9a-f]{16}\.\d+\.jpg")
_LARGEST = 64 * 2**20
_QUALITY = 82


@dataclass(frozen=True)
class Pictures:
    """Where the pictures are and how they are kept.

    `side`: the longer side of a copy, in pixels. `embed`: in the page itself instead of beside it. `folder`: where the
    pictures are now, if that is not where the records say.
    """

    side: int = 384
    embed: bool = False
    folder: Path | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        if not 32 <= self.side <= 4096:
            raise UsageError(f"`picture_size={self.side}` is out of range: give 32 to 4096 pixels")
        if self.folder is not None and not self.folder.is_dir():
            raise UsageError(f"`pictures={shown(str(self.folder))}` is not a folder: give the one with the pictures")


class Copies:
    """The copies of one report: made once for each picture, and kept if an earlier report made the same."""

    def __init__(self, out: Path, pictures: Pictures, settings: Mapping[str, Any] | None) -> None:
        self._out, self._pictures = out, pictures
        given, asked = ((settings or {}).get(name) for name in ("folder", "input"))
        self._below = given if isinstance(given, str) else None
        column = asked.get("image_column") if isinstance(asked, Mapping) else None
        self._column = column if isinstance(column, str) else None
        self.names: set[str] = set()

    def copy(self, result: Result) -> str | bytes:
        """Return the name of a result's copy below the run folder, or its bytes where they are embedded.

        VitexplainError: the picture cannot be read, or is another one now; OutputError: the copy cannot be written.
        """
        sha256 = result.picture.sha256
        name = f"{FOLDER}/{sha256[:16]}.{self._pictures.side}.jpg"
        path = self._out / name
        ours = input_of(path) == sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) else False
        if not ours:
            data = self._made(result)
        elif self._pictures.embed:
            try:
                data = read_regular(path, _LARGEST)
            except UnreadableError:
                data = self._made(result)
        if self._pictures.embed:
            return data
        if not ours:
            if path.parent.is_symlink():
                raise OutputError(f"{shown(str(path.parent))} is a link: the copies stay in the run folder; remove it")
            write_files([(path, data)], self._out)
        self.names.add(name)
        return name

    def _made(self, result: Result) -> bytes:
        """Return the copy as JPEG."""
        path, sha256 = result.picture.path, result.picture.sha256
        if path is None or path == "-":
            raise InputError("the picture came from no file")
        wrong: VitexplainError = InputError("not found")
        for place in self._places(path):
            try:
                inside = place_of(place, self._column)
                content = place if inside is None else io.BytesIO(inside.read())
                picture = open_picture(content, max_pixels=self._pictures.max_pixels)
            except VitexplainError as error:
                wrong = error
                continue
            if picture.sha256 == sha256:
                return _jpeg(picture.image, self._pictures.side, sha256)
            wrong = InputError(f"{shown(place)}: another picture than the one that was explained")
        raise wrong

    def _places(self, path: str) -> Iterator[str]:
        """Yield where a picture may be: below the folder given, else where the record says."""
        folder = self._pictures.folder
        if folder is None:
            yield path
            return
        inner = path
        if self._below and path.startswith(f"{self._below}/"):
            inner = path[len(self._below) + 1 :]
        found = container_in(path)
        moved = [f"{PurePosixPath(found[0]).name}/{found[1]}"] if found is not None else []
        yield from dict.fromkeys(os.fspath(folder / each) for each in (inner, *moved, PurePosixPath(path).name))


def remove_others(out: Path, names: Set[str]) -> None:
    """Remove the copies of earlier reports that no page asks for any more."""
    folder = out / FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and f"{FOLDER}/{path.name}" not in names and input_of(path) is not None:
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _jpeg(image: Image.Image, side: int, sha256: str) -> bytes:
    """Return a copy whose longer side has at most `side` pixels, marked with the hash of its picture."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY, comment=f"vitexplain:{sha256}")
    return stream.getvalue()
