"""Matching: which image an annotation is of, by the end of its path."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath

from vitexplain.errors import InputError
from vitexplain.images.files import shown


def match(files: Iterable[str], paths: Iterable[str], where: str) -> dict[str, str]:
    """Return by image path the file of an annotation that is it: the paths are equal, or one is the end of the other.

    `where` is what messages call the annotations. Images without a file, and files without an image, are left out.
    InputError: no image has a file, or one could be meant twice.
    """
    files, paths = list(dict.fromkeys(files)), list(dict.fromkeys(paths))
    by_name: dict[str, list[tuple[list[str], str]]] = {}
    for file in files:
        parts = _parts(file)
        by_name.setdefault(parts[-1], []).append((parts, file))
    found: dict[str, str] = {}
    meant: dict[str, str] = {}
    for path in paths:
        parts = _parts(path)
        fitting = [(len(other), file) for other, file in by_name.get(parts[-1], ()) if _is_end(parts, other)]
        if not fitting:
            continue
        longest = max(length for length, _ in fitting)
        file, *more = [file for length, file in fitting if length == longest]
        if more:
            raise InputError(f"{where}: {shown(path)} could be {shown(file)} or {shown(more[0])}: give its whole path")
        if file in meant:
            raise InputError(
                f"{where}: {shown(file)} could be {shown(meant[file])} or {shown(path)}: write more of its path there"
            )
        found[path], meant[file] = file, path
    if not found:
        raise InputError(
            f"{where}: none of its files is among the images (it names {shown(files[0])}, the first image is "
            f"{shown(paths[0]) if paths else 'missing'}): give the images that it is about"
        )
    return found


def _parts(path: str) -> list[str]:
    return list(PurePath(os.path.normpath(path)).parts)


def _is_end(one: list[str], other: list[str]) -> bool:
    count = min(len(one), len(other))
    return one[-count:] == other[-count:]
