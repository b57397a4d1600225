"""All files of one call as one unit: those of its folders, those given by themselves, those of a list."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.folder import listed_below, no_picture
from vitexplain.batch.sources.labels import parent_of
from vitexplain.batch.sources.patterns import EXCLUDED, Patterns
from vitexplain.batch.sources.remote_folder import RemoteFile, listed_remotely
from vitexplain.batch.sources.source import Listing, and_aside
from vitexplain.errors import InputError
from vitexplain.images.files import shown
from vitexplain.output.stores import is_remote

AGAIN = "given before"
"""What a file is counted as that the call names a second time."""


@dataclass(frozen=True)
class Files:
    """Folders, each with what stands before its keys, then files. `reserved`: how no other key may begin."""

    folders: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    patterns: Patterns
    out: str | None
    by_parent: bool
    reserved: frozenset[str] = frozenset()

    name = ""

    def listing(self) -> Listing:
        """Return the pictures, each once: the folders' in the order of their keys, the files in that of the call.

        InputError: a folder cannot be read, or there is no picture at all.
        """
        aside: Counter[str] = Counter()
        found: dict[str, Input] = {}
        taken: set[str] = set()
        for each in self._all(aside):
            if each.path in found:
                aside[AGAIN] += 1
                continue
            key = self._free(each.name, taken)
            taken.add(key)
            truth = parent_of(each.path) if self.by_parent else None
            found[each.path] = replace(each, name=key, truth=truth)
        if not found:
            if self.folders and not self.files:
                raise no_picture(self.folders[0][0], Listing((), aside))
            raise InputError(f"{shown(self.files[0])}: nothing is left to explain{and_aside(aside)}: check the globs")
        return Listing(tuple(found.values()), aside)

    def _all(self, aside: Counter[str]) -> Iterator[Input]:
        for folder, prefix in self.folders:
            if is_remote(folder):
                listing = listed_remotely(folder, self.out, self.patterns)
            else:
                out = None if self.out is None or is_remote(self.out) else Path(self.out)
                listing = listed_below(folder, out, self.patterns)
            aside.update(listing.aside)
            for each in listing.pictures:
                yield replace(each, name=prefix + each.name) if prefix else each
        for path in self.files:
            key = key_of(path)
            if self.patterns.wants(key):
                yield Input(path, key, RemoteFile(path) if is_remote(path) else None)
            else:
                aside[EXCLUDED] += 1

    def _free(self, key: str, taken: set[str]) -> str:
        """Return the key, with a number before it where another picture has it."""
        number, free = 1, key
        while free in taken or free.partition("/")[0] in self.reserved:
            number += 1
            free = f"{number}-{key}"
        return free


def key_of(path: str) -> str:
    """Return the key of a file that is given by itself: its path as given, without root and `..`."""
    if is_remote(path):
        path = path.partition("://")[2].partition("?")[0]
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or os.path.basename(path) or "image"  # noqa: PTH119
