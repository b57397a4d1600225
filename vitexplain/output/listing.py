"""The pictures of a folder, without those that a run wrote there, always in the same order."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from vitexplain.errors import InputError, UsageError
from vitexplain.images import picture_endings
from vitexplain.images.files import shown
from vitexplain.output.ownership import input_of
from vitexplain.output.run_folder import is_batch_folder


@dataclass(frozen=True)
class ListedPicture:
    """One input: its path as given (folder included), and below the folder. `problem`: why it cannot be read."""

    path: str
    relative: str
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder in the order of their paths' bytes, and how many other files it holds."""

    pictures: tuple[ListedPicture, ...]
    skipped: int


def list_pictures(folder: str, out: Path) -> Listing:
    """Return every file below the folder whose ending Pillow reads; links to folders are followed, each folder once.

    The output folder `out`, the folders of other batches and overlays among the pictures are left out.
    UsageError: a file instead of a folder, or `out` is the folder itself; InputError: no such folder, or no picture.
    """
    _check_folder(folder, out)
    walk = _Walk(folder, out)
    found = tuple(sorted(walk.pictures(), key=lambda picture: os.fsencode(picture.relative)))
    if not found:
        others = f" ({walk.skipped:,} other files)" if walk.skipped else ""
        raise InputError(
            f"{shown(folder)}: no picture in it{others}, expected files such as .jpg, .png or .webp: check the folder"
        )
    return Listing(found, walk.skipped)


def _check_folder(folder: str, out: Path) -> None:
    try:
        mode = os.stat(folder).st_mode  # noqa: PTH116 - Path("") would be the current folder
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible name"
        raise InputError(f"{shown(folder)}: cannot be read ({reason}), expected a folder: check the name") from None
    if not stat.S_ISDIR(mode):
        raise UsageError(f"{shown(folder)}: not a folder: for single pictures use vitexplain run")
    if out.exists() and out.samefile(folder):
        raise UsageError(f"`folder={shown(str(out))}` is the folder of the pictures itself: give another folder")


class _Walk:
    """One walk through a folder; links to folders wait until all real folders have been seen."""

    def __init__(self, folder: str, out: Path) -> None:
        self.skipped = 0
        self._root = folder
        self._endings = picture_endings()
        self._seen: set[tuple[int, int]] = set()
        if out.is_dir():
            status = out.stat()
            self._seen.add((status.st_dev, status.st_ino))

    def pictures(self) -> Iterator[ListedPicture]:
        """Yield the inputs in no particular order."""
        waiting, links = [""], list[str]()
        while waiting or links:
            if not waiting:
                links.sort(key=os.fsencode)
                waiting.append(links.pop(0))
            relative = waiting.pop()
            path = self._path(relative)
            try:
                status = os.stat(path)  # noqa: PTH116 - the path stays as it was given
                if (status.st_dev, status.st_ino) in self._seen:
                    continue
                self._seen.add((status.st_dev, status.st_ino))
                with os.scandir(path) as scan:
                    entries = list(scan)
            except OSError as error:
                reason = f"{shown(path)}: this folder cannot be read ({error.strerror}): check its permissions"
                yield ListedPicture(path, relative, reason)
                continue
            if is_batch_folder(Path(path)):
                continue
            names = {entry.name for entry in entries}
            for entry in entries:
                below = f"{relative}/{entry.name}" if relative else entry.name
                if _is_folder(entry):
                    (links if entry.is_symlink() else waiting).append(below)
                elif self._wanted(entry, names):
                    yield ListedPicture(self._path(below), below)
                else:
                    self.skipped += 1

    def _path(self, relative: str) -> str:
        return os.path.join(self._root, relative) if relative else self._root  # noqa: PTH118

    def _wanted(self, entry: os.DirEntry[str], names: Collection[str]) -> bool:
        stem, ending = os.path.splitext(entry.name)  # noqa: PTH122
        ending = ending.lower()
        if ending not in self._endings:
            return False
        # cat.raw.png, or cat.png beside its record: a file that `run` wrote among the pictures carries a mark.
        may_be = ending in (".png", ".webp") and ("." in stem or f"{stem}.json" in names)
        return not (may_be and input_of(Path(entry.path)) is not None)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
