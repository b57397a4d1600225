"""Kinds of archive: a tar of pictures, a .npz of raw scores; the same members give the same bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Protocol


class Archive(Protocol):
    """A kind of archive. `ending`: that of its name."""

    ending: str

    def write(self, file: IO[bytes], members: Iterable[tuple[str, bytes]]) -> None:
        """Write an archive of the members, the same bytes for the same ones."""

    def read(self, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield the members; errors as those of the library that reads it."""


class TarArchive:
    """A tar in WebDataset's layout: the files of a picture stand together, and its record beside them."""

    ending = ".tar"

    def write(self, file: IO[bytes], members: Iterable[tuple[str, bytes]]) -> None:
        """Write the members with their raw names, without owner or time."""
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
            for name, data in members:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))

    def read(self, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield the files in it."""
        with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, content.read()


class NpzArchive:
    """What `numpy.load` opens: a zip of .npy files, which it knows by their names without the ending."""

    ending = ".npz"

    def write(self, file: IO[bytes], members: Iterable[tuple[str, bytes]]) -> None:
        """Write the members; bytes of a name that are no UTF-8 as escapes."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                # Without a time the same scores are the same bytes.
                archive.writestr(zipfile.ZipInfo(escaped(name)), data, zipfile.ZIP_DEFLATED)

    def read(self, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield the files in it."""
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)


def escaped(name: str) -> str:
    r"""Return a name with those of its bytes that are no UTF-8 as \udcXX."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
