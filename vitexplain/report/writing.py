"""write_report: a run folder's page, and the small copies of its pictures."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vitexplain import __version__
from vitexplain.errors import OutputError, VitexplainError
from vitexplain.files import UnreadableError, read_beginning
from vitexplain.images.files import shown
from vitexplain.output import require_folder, write_files
from vitexplain.render import DIVERGING, Drawing
from vitexplain.render.heatmap import palette
from vitexplain.report.found import Entry, Found, read_folder
from vitexplain.report.inside import Inside
from vitexplain.report.packed import packed
from vitexplain.report.page import MARK, page
from vitexplain.report.pictures import Copies, Pictures, remove_others
from vitexplain.result import Result, verdict_in

PAGE = "report.html"

_START = 4096


@dataclass(frozen=True)
class Report:
    """What was written: the page's path, how many images it shows, how many of those failed, and what is missing."""

    path: Path
    images: int
    failed: int
    without_picture: int
    notes: tuple[str, ...]


def write_report(
    folder: Path,
    pictures: Pictures | None = None,
    *,
    overwrite: bool = False,
    class_from_folder: bool = False,
    begin: Callable[[int], None] = lambda _total: None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Write `report.html` into a folder that `run`, `batch` or `evaluate` wrote, and return what is in it.

    `class_from_folder`: the folder that a picture lies in is its true class, whatever label came with it. `begin` gets
    the number of images, `advance` is called after each. InputError, UsageError: nothing to show; OutputError: the page
    cannot be written, or a file of that name is no report.
    """
    pictures = pictures or Pictures()
    found = read_folder(folder)
    path = folder / PAGE
    require_folder(folder)
    _require_own(path, overwrite)
    inside, copies = Inside(folder), Copies(folder, pictures, found.settings)
    made: list[dict[str, Any]] = []
    kept: dict[bytes, int] = {}
    begin(len(found.entries))
    for entry in found.entries:
        address, missing = _picture(entry, copies, kept, inside)
        each = packed(entry, inside, address, missing)
        if isinstance(entry.read, Result):
            figures = found.figures.get(entry.read.picture.sha256, ())
            each["figures"] = [inside.address(name) for name in figures]
        if class_from_folder and entry.path is not None:
            each["truth"] = PurePosixPath(entry.path).parent.name or None
        elif isinstance(entry.read, Result) and entry.read.truth is not None:
            each["truth"] = entry.read.truth.label or entry.read.truth.given
            each["verdict"] = verdict_in(entry.record)
        made.append(each)
        advance()
    without = sum(each.get("missing") is not None for each in made)
    notes = [*found.notes, *_missing_files(inside)]
    data = page(f"{shown(folder.resolve().name)}: vitexplain", _about(folder, found, notes, inside), made, kept)
    write_files([(path, data)], folder)
    remove_others(folder, copies.names)
    failed = sum(not isinstance(entry.read, Result) for entry in found.entries)
    return Report(path, len(made), failed, without, tuple(notes))


def _picture(
    entry: Entry, copies: Copies, kept: dict[bytes, int], inside: Inside
) -> tuple[str | int | None, str | None]:
    """Return the address of a picture's copy, or its number among those that are embedded; else why there is none."""
    if not isinstance(entry.read, Result):
        return None, None
    try:
        copy = copies.copy(entry.read)
    except OutputError:
        raise
    except VitexplainError as error:
        return None, str(error)
    return (inside.address(copy), None) if isinstance(copy, str) else (kept.setdefault(copy, len(kept)), None)


def _about(folder: Path, found: Found, notes: list[str], inside: Inside) -> dict[str, Any]:
    """Return what concerns the whole folder."""
    names = {"colours": Drawing().colormap, "signed": DIVERGING}
    return {
        "folder": shown(os.fspath(folder)),
        "version": __version__,
        "palettes": {use: base64.b64encode(palette(name).tobytes()).decode("ascii") for use, name in names.items()},
        "notes": notes,
        "settings": found.settings,
        "judged": found.judged,
        "plots": [inside.address(name) for name in found.plots],
    }


def _missing_files(inside: Inside) -> list[str]:
    if not inside.missing:
        return []
    first, count = shown(inside.missing[0]), len(inside.missing)
    more = f" and {count - 1:,} more" if count > 1 else ""
    return [f"missing in the folder: {first}{more}: the same run or batch command writes them again."]


def _require_own(path: Path, overwrite: bool) -> None:
    """Raise OutputError if there is a file in the page's place that is no report."""
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        raise OutputError(f"cannot write {shown(str(path))}: a folder has that name; rename it")
    if overwrite:
        return
    try:
        ours = not path.is_symlink() and MARK in read_beginning(path, _START)
    except UnreadableError:
        ours = False
    if not ours:
        raise OutputError(
            f"{shown(str(path))} already exists and is no report of vitexplain: nothing was written; rename it, or "
            "replace it with `overwrite=True`"
        )
