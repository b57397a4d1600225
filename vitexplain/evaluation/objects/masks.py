"""Masks: where the objects are, from one picture an image, in which all that is not 0 is object."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar

from vitexplain.errors import InputError
from vitexplain.evaluation.objects.region import Region
from vitexplain.evaluation.objects.seen import Seen
from vitexplain.images import open_mask, picture_endings
from vitexplain.images.files import read_file, shown


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of a folder by stem: the name of their files, and their images', without its ending."""

    kind: ClassVar[str] = "masks"
    where: str
    by_stem: Mapping[str, Path]

    def match(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the mask's stem of every image that has one, by its path; InputError: none has, or two the same."""
        found: dict[str, str] = {}
        first: dict[str, str] = {}
        for path in dict.fromkeys(paths):
            stem = PurePath(path).stem
            if stem not in self.by_stem:
                continue
            if first.setdefault(stem, path) != path:
                raise InputError(
                    f"{self.where}: {shown(self.by_stem[stem].name)} could be the mask of {shown(first[stem])} and "
                    f"{shown(path)}: judge them apart, each with a folder of its own"
                )
            found[path] = stem
        if not found:
            raise InputError(f"{self.where}: none of its masks is named as an image: give masks with their names")
        return found

    @property
    def files(self) -> Iterable[str]:
        """The stems of all masks."""
        return self.by_stem

    def classes(self, files: Iterable[str]) -> list[str]:  # noqa: ARG002 - masks have no classes
        """Return no class: masks name none."""
        return []

    def mark(self, file: str, is_explained: Callable[[str], bool]) -> str:  # noqa: ARG002 - masks have no classes
        """Return the SHA-256 of a mask's file; InputError: it cannot be read."""
        return hashlib.sha256(read_file(self.by_stem[file])).hexdigest()

    def region(self, file: str, seen: Seen, path: str, is_explained: Callable[[str], bool]) -> Region:  # noqa: ARG002
        """Return what the mask of an image covers; InputError: it cannot be read, or has another size."""
        mask = open_mask(self.by_stem[file])
        height, width = mask.shape
        if (width, height) != seen.size:
            raise InputError(
                f"{shown(path)}: a picture of {seen.size[0]} x {seen.size[1]} pixels, but its mask "
                f"{shown(str(self.by_stem[file]))} has {width} x {height}: give one of the upright picture's size"
            )
        return Region.of_mask(mask)


def list_masks(folder: Path) -> Masks:
    """Return the masks of a folder; InputError: no folder, none in it, or two of one stem."""
    where = shown(str(folder))
    endings = picture_endings()
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings and path.is_file())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible name"
        raise InputError(f"{where}: cannot be read ({reason}), expected a folder of masks") from None
    found: dict[str, Path] = {}
    for path in paths:
        if found.setdefault(path.stem, path) != path:
            raise InputError(f"{where}: {shown(path.name)} and {shown(found[path.stem].name)} are masks of one image")
    if not found:
        raise InputError(f"{where}: no mask in it, expected pictures named as the images are")
    return Masks(where, found)
