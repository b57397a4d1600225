"""A tar of pictures, in the layout of WebDataset or in any other: `{key}.jpg`, its label in `{key}.cls` or `.json`."""

from __future__ import annotations

import functools
import gzip
import io
import threading
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, cast

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.container import Container
from vitexplain.batch.sources.folder import kind_of
from vitexplain.batch.sources.labels import PARENT, label_in, names_of, parent_of
from vitexplain.batch.sources.patterns import EXCLUDED, Patterns
from vitexplain.batch.sources.source import Listing, and_aside
from vitexplain.batch.sources.tar_members import Member, Members
from vitexplain.errors import InputError, LimitError, UsageError
from vitexplain.images import picture_endings
from vitexplain.images.files import MAX_BYTES, shown

_GZIP = b"\x1f\x8b"
_LARGEST_SIDECAR = 2**20
_REST = "(the rest)"
_AGAIN = "copy it again, or write it again"


@dataclass(frozen=True)
class TarMember:
    """A picture in a tar. Where the tar is compressed, each process unpacks it once, from its start."""

    container: Container
    path: str
    offset: int
    size: int
    compressed: bool = False

    def read(self) -> bytes:
        """Return its bytes; InputError: the tar is shorter now, or damaged there; LimitError: too large."""
        if self.size > MAX_BYTES:
            raise LimitError(f"{shown(self.path)}: more than {MAX_BYTES >> 20} MiB: scale the picture down")
        read = _unpacked(self.container, self.container.stamp()).read if self.compressed else self.container.read
        data = read(self.offset, self.size)
        if len(data) < self.size:
            raise InputError(f"{shown(self.path)}: the tar ends before the picture does: {_AGAIN}")
        return data


@dataclass(frozen=True)
class Tar:
    """One tar as a unit. `prefix` stands before the keys of its pictures; `alone`: it is all that there is."""

    container: Container
    prefix: str
    patterns: Patterns
    class_from: str | None
    alone: bool

    @property
    def name(self) -> str:
        """Its key in the source."""
        return self.prefix.rstrip("/") or self.container.base

    def listing(self) -> Listing:
        """Return its pictures: the headers are read, and the labels. A later member of the same name takes precedence.

        A tar that is cut short or damaged has the pictures before that, and one more that says so; so has one without
        pictures among others, unless globs left them out.
        InputError: it cannot be read or holds no picture; UsageError: none has the label that was asked for.
        """
        with self.container.open() as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            compressed = stream.read(2) == _GZIP
            stream.seek(0)
            opened = cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb")) if compressed else stream
            members = Members(opened, None if compressed else size, size)
            found, sidecars, aside = self._sorted(members, opened)
        pictures = [self._input(name, member, compressed, sidecars) for name, member in found.items()]
        if members.problem is not None and not (found and pictures[-1].problem):
            pictures += self._rest(members.problem, nothing=not found)
        if not pictures:
            words = f"{self._label}: no picture in it{and_aside(aside)}, expected members such as 0001.jpg"
            if self.alone:
                raise InputError(words)
            none = () if aside[EXCLUDED] else (Input(self.container.address, self.name, problem=words),)
            return Listing(none, aside)
        self._check_labels(pictures, sidecars)
        return Listing(tuple(pictures), aside)

    @property
    def _label(self) -> str:
        return shown(self.container.address)

    def _sorted(
        self, members: Members, stream: IO[bytes]
    ) -> tuple[dict[str, Member], dict[str, dict[str, bytes]], Counter[str]]:
        """Return the pictures by name, the files beside them by their key and ending, and what is left aside."""
        endings, names = picture_endings(), names_of(self.class_from)
        found: dict[str, Member] = {}
        sidecars: dict[str, dict[str, bytes]] = {}
        aside: Counter[str] = Counter()
        for member in members:
            name = _plain(member.name)
            key, ending = _split(name)
            kind = kind_of(name, endings)
            if not member.whole or (kind is None and self.patterns.wants(name)):
                aside["replaced by a later one of the same name"] += found.pop(name, None) is not None
                found[name] = member
            elif kind is None:
                aside[EXCLUDED] += 1
            elif names and (ending == "json" or ending in names) and member.size <= _LARGEST_SIDECAR:
                stream.seek(member.offset)
                sidecars.setdefault(key, {})[ending] = stream.read(member.size)
            else:
                aside[kind] += 1
        aside.update(members.others)
        return found, sidecars, +aside

    def _input(self, name: str, member: Member, compressed: bool, sidecars: Mapping[str, Mapping[str, bytes]]) -> Input:
        path = f"{self.container.address}/{name}"
        if not member.whole:
            cut = f"{shown(path)}: the tar is cut short in it, what follows is missing: {_AGAIN}"
            return Input(path, self.prefix + name, problem=cut)
        place = TarMember(self.container, path, member.offset, member.size, compressed)
        truth: str | int | None = parent_of(name) if self.class_from == PARENT else None
        if self.class_from != PARENT:
            truth = label_in(sidecars.get(_split(name)[0], {}), names_of(self.class_from))
        return Input(path, self.prefix + name, place, truth)

    def _rest(self, problem: str, *, nothing: bool) -> list[Input]:
        """Return the one picture that stands for all that cannot be read; InputError if that is the whole source."""
        if nothing:
            words = f"{self._label}: no tar that can be read ({shown(problem)}): {_AGAIN}"
            if self.alone:
                raise InputError(words)
            return [Input(self.container.address, self.name, problem=words)]
        words = f"{self._label}: it is damaged or cut short ({shown(problem)}), the rest is missing: {_AGAIN}"
        return [Input(f"{self.container.address}/{_REST}", self.prefix + _REST, problem=words)]

    def _check_labels(self, pictures: list[Input], sidecars: Mapping[str, Mapping[str, bytes]]) -> None:
        if self.class_from in (None, PARENT) or not names_of(self.class_from):
            return
        if all(each.truth is None for each in pictures if each.problem is None):
            beside = sorted({ending for each in sidecars.values() for ending in each})
            has = f" (beside them: .{', .'.join(beside)})" if beside else ""
            raise UsageError(
                f"`class_from={shown(str(self.class_from))}`: no picture of {self._label} has a label of that "
                f"name{has}: give cls, a field of its .json, or parent"
            )


def _plain(name: str) -> str:
    """Return a member's name as a key: without the root or the current folder before it."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _split(name: str) -> tuple[str, str]:
    """Return WebDataset's key and ending: the name up to the first dot of its last part, and what follows."""
    above, _, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return f"{above}/{stem}", ending.lower()


class _Unpacked:
    """A compressed tar, which is unpacked from its start as far as it is asked for."""

    def __init__(self, container: Container) -> None:
        self._lock = threading.Lock()
        self._label = shown(container.address)
        self._packed = container.open()
        self._file = gzip.GzipFile(fileobj=self._packed, mode="rb")

    def __del__(self) -> None:
        if hasattr(self, "_packed"):
            self._packed.close()

    def read(self, start: int, size: int) -> bytes:
        try:
            with self._lock:
                self._file.seek(start)
                return self._file.read(size)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            reason = shown(" ".join(str(error).split())[:120])
            raise InputError(f"{self._label}: it is damaged or cut short ({reason}): {_AGAIN}") from None


@functools.lru_cache(maxsize=2)
def _unpacked(container: Container, _stamp: tuple[int, ...]) -> _Unpacked:
    return _Unpacked(container)
