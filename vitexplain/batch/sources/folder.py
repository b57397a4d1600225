"""The pictures of a folder, without those that a run wrote there, always in the same order."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.patterns import EXCLUDED, Patterns
from vitexplain.batch.sources.source import Listing, and_aside
from vitexplain.errors import InputError, UsageError
from vitexplain.images import picture_endings
from vitexplain.images.files import shown
from vitexplain.images.formats import HEIF_ENDINGS, HEIF_REMEDY
from vitexplain.output.ownership import input_of
from vitexplain.output.run_folder import is_batch_folder

_PROGRAMS = frozenset({".eps", ".ps"})
"""Pictures that would start an interpreter."""

_CONTAINERS = frozenset({".tar", ".tgz", ".parquet"})


def list_pictures(folder: str, out: Path | None, patterns: Patterns | None = None) -> Listing:
    """Return every file below the folder whose ending Pillow reads; links to folders are followed, each folder once.

    The output folder `out`, the folders of other batches and overlays among the pictures are left out.
    UsageError: a file instead of a folder, or `out` is the folder itself; InputError: no such folder, or no picture.
    """
    listing = listed_below(folder, out, patterns or Patterns())
    if not listing.pictures:
        raise no_picture(folder, listing)
    return listing


def no_picture(folder: str, listing: Listing) -> InputError:
    """Return the error of a folder without pictures."""
    return InputError(
        f"{shown(folder)}: no picture in it{and_aside(listing.aside)}, expected files such as .jpg, .png or .webp: "
        "check the folder"
    )


def listed_below(folder: str, out: Path | None, patterns: Patterns) -> Listing:
    """Return what `list_pictures` does, also where it is nothing."""
    _check_folder(folder, out)
    walk = _Walk(folder, out, patterns)
    found = tuple(sorted(walk.pictures(), key=lambda picture: os.fsencode(picture.name)))
    return Listing(found, walk.aside)


def kind_of(name: str, endings: Collection[str]) -> str | None:
    """Return the kind of a file that no picture's name has, with what makes it one where possible; None: it has."""
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    if name.rpartition("/")[2].startswith("._"):
        return "._* of macOS"
    if ending in endings:
        return None
    if ending in HEIF_ENDINGS:
        return f"{ending} ({HEIF_REMEDY})"
    if ending in _CONTAINERS or name.lower().endswith(".tar.gz"):
        return f"{ending} (give them by their names)"
    return f"{ending} (convert them)" if ending in _PROGRAMS else shown(ending) or "without ending"


def _check_folder(folder: str, out: Path | None) -> None:
    try:
        mode = os.stat(folder).st_mode  # noqa: PTH116 - Path("") would be the current folder
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible name"
        raise InputError(f"{shown(folder)}: cannot be read ({reason}), expected a folder: check the name") from None
    if not stat.S_ISDIR(mode):
        raise UsageError(f"{shown(folder)}: not a folder: for single pictures use vitexplain run")
    if out is not None and out.exists() and out.samefile(folder):
        raise UsageError(f"`folder={shown(str(out))}` is the folder of the pictures itself: give another folder")


class _Walk:
    """One walk through a folder; links to folders wait until all real folders have been seen."""

    def __init__(self, folder: str, out: Path | None, patterns: Patterns) -> None:
        self.aside: Counter[str] = Counter()
        self._root, self._patterns = folder, patterns
        self._endings = picture_endings()
        self._seen: set[tuple[int, int]] = set()
        if out is not None and out.is_dir():
            status = out.stat()
            self._seen.add((status.st_dev, status.st_ino))

    def pictures(self) -> Iterator[Input]:
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
                yield Input(path, relative, problem=reason)
                continue
            if is_batch_folder(Path(path)):
                continue
            names = {entry.name for entry in entries}
            for entry in entries:
                below = f"{relative}/{entry.name}" if relative else entry.name
                if _is_folder(entry):
                    (links if entry.is_symlink() else waiting).append(below)
                elif (kind := self._unwanted(entry, below, names)) is None:
                    yield Input(self._path(below), below)
                else:
                    self.aside[kind] += 1

    def _path(self, relative: str) -> str:
        return os.path.join(self._root, relative) if relative else self._root  # noqa: PTH118

    def _unwanted(self, entry: os.DirEntry[str], below: str, names: Collection[str]) -> str | None:
        """Return the kind of a file that is no input, with what makes it one where that is possible; None: it is."""
        kind = kind_of(entry.name, self._endings)
        if kind is not None:
            return kind
        if not self._patterns.wants(below):
            return EXCLUDED
        stem, ending = os.path.splitext(entry.name)  # noqa: PTH122
        # cat.raw.png, or cat.png beside its record: what `run` and `report` wrote among the pictures carries a mark.
        may_be = ending.lower() in (".png", ".webp", ".jpg") and ("." in stem or f"{stem}.json" in names)
        return "overlays" if may_be and input_of(Path(entry.path)) is not None else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
