"""Where the pictures of a part go; one kind of place a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from vitexplain.batch.entries import Stored
from vitexplain.batch.parts import Part
from vitexplain.output import Contents, Destination

PICTURES = "pictures"
"""The folder of all pictures."""


class PartPictures(Protocol):
    """The pictures of one part. `prefix`: how their names begin in the records, with a `/` at its end.

    `scores`: how those of raw scores begin. All errors are OutputError.
    """

    prefix: str
    scores: str

    def put(self, stem: str, contents: Contents) -> None:
        """Add the files of one image, whose names have `stem` behind the prefix. Called from several threads."""

    def finish(self) -> Sequence[Stored]:
        """Make them stay, before the part's table is written; return the files that hold many of them, if any do."""

    def discard(self) -> None:
        """Remove those that were added, as far as that can be done."""


class Pictures(Protocol):
    """A kind of place."""

    def begin(self, part: Part, kept: Iterable[str]) -> PartPictures:
        """Return the place of a part's pictures with those `kept` of an earlier run, by their names in the records.

        All others that are there are removed.
        """


class PictureFolders:
    """A folder for each part, `pictures/00000-00000`, and a file for each picture; no folder gets too full."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def begin(self, part: Part, kept: Iterable[str]) -> PartPictures:
        """Return the part's folder."""
        folder = _PictureFolder(self._destination, f"{PICTURES}/{part.name}/", frozenset(kept))
        folder.discard()
        return folder


class _PictureFolder:
    def __init__(self, destination: Destination, prefix: str, kept: frozenset[str]) -> None:
        self._destination, self._kept = destination, kept
        self.prefix = self.scores = prefix

    def put(self, _stem: str, contents: Contents) -> None:
        for file in contents.files:
            self._destination.put(file.name, file.data)

    def finish(self) -> Sequence[Stored]:
        return ()

    def discard(self) -> None:
        for name in list(self._destination.names(self.prefix.rstrip("/"))):
            if name not in self._kept:
                self._destination.remove(name)
