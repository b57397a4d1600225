"""The pictures of a part in one tar, and its raw scores in one .npz."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from vitexplain.batch.entries import Stored
from vitexplain.batch.parts import Part
from vitexplain.batch.sinks.archives import Archive, NpzArchive, TarArchive, escaped
from vitexplain.batch.sinks.pictures import PICTURES, PartPictures, Pictures
from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output import Contents, Destination, line

SCORES = "scores"
"""The folder of the archives of raw scores."""

_RECORD = ".json"

_BLOCK = 2**20


class PictureTars:
    """One tar for the pictures of a part: `pictures/00000-00000.tar`."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def begin(self, part: Part, kept: Iterable[str]) -> PartPictures:
        """Return the part's tar."""
        return _PictureTar(_Held(self._destination, f"{PICTURES}/{part.name}", TarArchive(), kept))


class _PictureTar:
    def __init__(self, held: _Held) -> None:
        self._held = held
        self.prefix = self.scores = held.prefix

    def put(self, stem: str, contents: Contents) -> None:
        if contents.files:
            files = [(file.name, file.data) for file in contents.files]
            self._held.put([*files, (f"{self.prefix}{stem}{_RECORD}", line(contents.record))])

    def finish(self) -> Sequence[Stored]:
        return self._held.finish()

    def discard(self) -> None:
        self._held.discard()


class ScoreArchives:
    """One .npz for the raw scores of a part, `scores/00000-00000.npz`; its pictures are where `others` has them."""

    def __init__(self, destination: Destination, others: Pictures) -> None:
        self._destination, self._others = destination, others

    def begin(self, part: Part, kept: Iterable[str]) -> PartPictures:
        """Return the part's archive, and its pictures."""
        kept = list(kept)
        held = _Held(self._destination, f"{SCORES}/{part.name}", NpzArchive(), kept)
        return _ScoreArchive(held, self._others.begin(part, kept))


class _ScoreArchive:
    def __init__(self, held: _Held, others: PartPictures) -> None:
        self._held, self._others = held, others
        self.prefix, self.scores = others.prefix, held.prefix

    def put(self, stem: str, contents: Contents) -> None:
        raw = [file for file in contents.files if file.kind == "npy"]
        self._held.put([(file.name, file.data) for file in raw])
        others = tuple(file for file in contents.files if file.kind != "npy")
        self._others.put(stem, replace(contents, files=others))

    def finish(self) -> Sequence[Stored]:
        return [*self._others.finish(), *self._held.finish()]

    def discard(self) -> None:
        self._held.discard()
        self._others.discard()


class _Held:
    """The members of an archive while the part is done: in a temporary file, so that memory holds their names alone.

    `kept`: the names in the records of those that an earlier run put into the archive and that stay, with the records
    beside them.
    """

    def __init__(self, destination: Destination, stem: str, archive: Archive, kept: Iterable[str]) -> None:
        self._destination, self._archive = destination, archive
        self._name = stem + archive.ending
        self.prefix = f"{self._name}/"
        self._lock = threading.Lock()
        self._places: dict[str, tuple[int, int]] = {}
        self._file: IO[bytes] | None = None
        self._spool: Path | None = None
        staying = {_picture_in(name) for name in kept if name.startswith(self.prefix)}
        if staying:
            self._take_over(staying)

    def put(self, members: Sequence[tuple[str, bytes]]) -> None:
        """Add files by their names in the record."""
        if not members:
            return
        with self._lock, _in_words(self._destination, self._name):
            if self._file is None:
                self._spool = self._destination.spool()
                self._file = self._spool.open("w+b")
            for name, data in members:
                self._places[name.removeprefix(self.prefix)] = (self._file.seek(0, io.SEEK_END), len(data))
                self._file.write(data)

    def finish(self) -> Sequence[Stored]:
        """Write the archive, in the order of the names; return it, or nothing if it would hold nothing."""
        if not self._places:
            self._destination.remove(self._name)
            return ()
        made = self._destination.spool()
        try:
            with _in_words(self._destination, self._name):
                with made.open("wb") as file:
                    self._archive.write(file, self._members())
                stored = Stored(self._name, made.stat().st_size, _digest(made))
            self._destination.put(self._name, made)
        finally:
            made.unlink(missing_ok=True)
            self.discard()
        return (stored,)

    def discard(self) -> None:
        """Remove the temporary file."""
        with self._lock:
            if self._file is not None and self._spool is not None:
                self._file.close()
                self._spool.unlink(missing_ok=True)
            self._file, self._spool = None, None
            self._places.clear()

    def _members(self) -> Iterator[tuple[str, bytes]]:
        assert self._file is not None
        # Files of one picture differ behind its first dot.
        for name in sorted(self._places, key=lambda name: (_picture_in(name), escaped(name))):
            start, size = self._places[name]
            self._file.seek(start)
            yield name, self._file.read(size)

    def _take_over(self, staying: set[str]) -> None:
        with _in_words(self._destination, self._name), self._destination.open(self._name) as file:
            for name, data in self._archive.read(file):
                if _picture_in(self.prefix + name) in staying:
                    self.put([(name, data)])


@contextmanager
def _in_words(destination: Destination, name: str) -> Iterator[None]:
    """Turn what goes wrong with an archive into an OutputError in one line."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{shown(f'{destination}/{name}')} is damaged ({error}): remove its part in parts/ to have it done again"
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write {shown(f'{destination}/{name}')}: {error.strerror or error}; free some space or give "
            "another folder with `folder=`"
        ) from error


def _picture_in(name: str) -> str:
    """Return what the files of one picture share, escaped: all up to the first dot of the last part."""
    folder, slash, last = name.rpartition("/")
    return escaped(f"{folder}{slash}{last.partition('.')[0]}")


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
