"""Boxes: where the objects are, from a table or COCO's JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vitexplain.errors import InputError
from vitexplain.evaluation.objects.coco import read_coco
from vitexplain.evaluation.objects.given_box import GivenBox
from vitexplain.evaluation.objects.matching import match
from vitexplain.evaluation.objects.region import Region
from vitexplain.evaluation.objects.seen import Seen
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import MAX_BYTES, shown

COLUMNS = ("file", "class", "left", "top", "right", "bottom")
_EXPECTED = f"expected {', '.join(COLUMNS)}, separated by tabs"


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of images by file, as the annotations name it; `where` is what messages call them."""

    kind: ClassVar[str] = "boxes"
    where: str
    by_file: Mapping[str, Sequence[GivenBox]]
    sizes: Mapping[str, tuple[int, int]]

    def match(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the file of every image that has boxes, by its path; InputError: none has, or two could have them."""
        return match(self.by_file, paths, self.where)

    def mark(self, file: str, is_explained: Callable[[str], bool]) -> str:
        """Return what identifies the boxes of a file that count."""
        chosen = [(box.left, box.top, box.right, box.bottom) for box in self._chosen(file, is_explained)]
        return hashlib.sha256(repr((sorted(chosen), self.sizes.get(file))).encode()).hexdigest()

    def region(self, file: str, seen: Seen, path: str, is_explained: Callable[[str], bool]) -> Region:
        """Return what the boxes of an image cover: those of the class explained, all where none is of it.

        InputError: one reaches beyond the picture, or they belong to a picture of another size.
        """
        width, height = seen.size
        picture = f"{shown(path)}: a picture of {width} x {height} pixels"
        if file in self.sizes and self.sizes[file] != seen.size:
            other = " x ".join(map(str, self.sizes[file]))
            raise InputError(f"{picture}, but its boxes in {self.where} are of one of {other}: give the same picture")
        for box in self.by_file[file]:
            if not box.fits(width, height):
                raise InputError(f"{picture}, but {self.where}, {box.place}, has {box.beyond(width, height)}")
        return Region.of_rectangles(
            [
                (box.left, box.top, min(box.right, width), min(box.bottom, height))
                for box in self._chosen(file, is_explained)
            ]
        )

    def _chosen(self, file: str, is_explained: Callable[[str], bool]) -> Sequence[GivenBox]:
        boxes = self.by_file[file]
        return [box for box in boxes if is_explained(box.name)] or boxes

    @property
    def files(self) -> Iterable[str]:
        """The files that have boxes."""
        return self.by_file

    def classes(self, files: Iterable[str]) -> list[str]:
        """Return the classes of the boxes of these files, each once."""
        return list(dict.fromkeys(box.name for file in files for box in self.by_file[file]))


def read_boxes(path: Path) -> Boxes:
    """Return the boxes in a file: lines of file, class, left, top, right, bottom, or COCO's JSON.

    In lines, edges are whole pixels, both included, and a line of the columns' names may come first; a file may have
    several lines. InputError: it cannot be read, or a line is malformed.
    """
    where = shown(str(path))
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except UnreadableError as error:
        raise InputError(f"{where}: {error.reason}: {_EXPECTED}, or COCO's JSON") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: not a text in UTF-8: {_EXPECTED}, or COCO's JSON") from None
    if text.lstrip().startswith(("{", "[")):
        by_file, sizes = read_coco(text, where)
    else:
        by_file, sizes = _read_table(text, where), {}
    if not by_file:
        raise InputError(f"{where}: no box in it: {_EXPECTED}, or COCO's JSON")
    return Boxes(where, by_file, sizes)


def _read_table(text: str, where: str) -> dict[str, list[GivenBox]]:
    found: dict[str, list[GivenBox]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip() or (number == 1 and [field.lower() for field in fields] == list(COLUMNS)):
            continue
        place = f"{where}, line {number}"
        if len(fields) != len(COLUMNS) or not fields[0]:
            raise InputError(f"{place}: {len(fields)} columns ({shown(line.strip()[:60])}): {_EXPECTED}")
        edges = zip(fields[2:], COLUMNS[2:], strict=True)
        left, top, right, bottom = (_pixels(digits, name, place) for digits, name in edges)
        if right < left or bottom < top:
            raise InputError(f"{place}: a box from {left}, {top} to {right}, {bottom}: right and bottom come last")
        box = GivenBox(f"line {number}", fields[1], left, top, right + 1, bottom + 1, included=True)
        found.setdefault(fields[0], []).append(box)
    return found


def _pixels(text: str, name: str, place: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"{place}: {name} '{shown(text[:40])}' is not valid: expected a whole number of pixels from 0")
    return int(text)
