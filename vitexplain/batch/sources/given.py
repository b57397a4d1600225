"""sources_of: what one call names, folders, files, lists, tars, tables and remote addresses, as one source."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitexplain.batch.sources.container import Container
from vitexplain.batch.sources.files import Files
from vitexplain.batch.sources.labels import NONE, PARENT
from vitexplain.batch.sources.patterns import Patterns
from vitexplain.batch.sources.remote import matching
from vitexplain.batch.sources.source import Unit
from vitexplain.batch.sources.table import Table
from vitexplain.batch.sources.tar import Tar
from vitexplain.errors import InputError, UsageError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images import picture_endings
from vitexplain.images.files import MAX_BYTES, shown
from vitexplain.output.stores import is_remote

_TARS = (".tar", ".tar.gz", ".tgz")
_TABLES = (".parquet",)
_PACKED = (".tar.bz2", ".tar.xz", ".tar.zst", ".tbz2", ".txz", ".zip", ".7z", ".rar")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class SourceOptions:
    """What of the sources is read. `listed`: a file that names sources, one a line, "-" for standard input.

    `null`: zero bytes stand between them instead. `class_from`: where the labels are, "parent", "none", the name of a
    column, of a field of .json or of an ending; None: where they usually are. `image_column`: of tables.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    listed: str | None = None
    null: bool = False
    class_from: str | None = None
    image_column: str | None = None


@dataclass(frozen=True)
class GivenSource:
    """The source of one call: its files as one unit, then each tar and each table. It can be pickled."""

    given: tuple[str, ...]
    settings: Mapping[str, Any]
    all_units: tuple[Unit, ...]

    def units(self) -> Sequence[Unit]:
        """Return the units."""
        return self.all_units


def sources_of(given: Sequence[str], options: SourceOptions | None = None, out: str | None = None) -> GivenSource:
    """Return what the arguments name, and the list, if there is one; `out`: the output folder, which is no input.

    Only names are looked at; folders, tars and tables are not opened yet. A picture in a list need not exist.
    UsageError: nothing given, or options that do not fit it; InputError: no such file or folder.
    """
    options = options or SourceOptions()
    patterns = Patterns(options.include, options.exclude)
    if options.null and options.listed is None:
        raise UsageError("`null=True` is about a list of sources: give one with `from=`")
    if not given and options.listed is None:
        raise UsageError("nothing given to explain: give a folder, files, a tar, a table, or a list with `from=`")
    folders, files, containers = _told_apart([*_expanded(given)], _list(options))
    _check(options, patterns, bool(folders or files), containers)
    alone = len(folders) + len(containers) == 1 and not files
    prefixes = _prefixes([*folders, *containers]) if not alone else dict.fromkeys([*folders, *containers], "")
    units: list[Unit] = []
    if folders or files:
        reserved = frozenset(prefixes[each].rstrip("/") for each in containers)
        with_prefix = tuple((folder, prefixes[folder]) for folder in folders)
        units.append(Files(with_prefix, tuple(files), patterns, out, options.class_from == PARENT, reserved))
    for address in containers:
        container, prefix = Container(address), prefixes[address]
        if _ends(address, _TABLES):
            units.append(Table(container, prefix, options.image_column, options.class_from, alone))
        else:
            units.append(Tar(container, prefix, patterns, options.class_from, alone))
    named = [each if is_remote(each) else os.path.normpath(each) for each in given]
    if options.listed is not None:
        named.append(f"from {options.listed}")
    return GivenSource(tuple(named), _settings(options), tuple(units))


def is_several(address: str) -> bool:
    """Whether an argument is a folder, a tar, a table or remote, and no file of this machine."""
    return is_remote(address) or os.path.isdir(address) or _ends(address, (*_TARS, *_TABLES))  # noqa: PTH112


def _settings(options: SourceOptions) -> dict[str, Any]:
    named = ("include", "exclude", "class_from", "image_column")
    return {name: value for name in named if (value := getattr(options, name))}


def _expanded(given: Sequence[str]) -> Iterator[str]:
    """Yield the arguments, remote patterns replaced by what they stand for."""
    for each in given:
        if each == "-":
            raise UsageError("- is one picture: explain it with vitexplain run -, or give a list with `from=-`")
        if is_remote(each) and _WILD.search(each) and not each.startswith("http"):
            found = matching(each)
            if not found:
                raise InputError(f"{shown(each)}: nothing has such a name: check the pattern")
            yield from found
        else:
            yield each


def _list(options: SourceOptions) -> list[str]:
    """Return the lines of the list; InputError: it cannot be read, or is empty."""
    if options.listed is None:
        return []
    where = "the list on standard input" if options.listed == "-" else shown(options.listed)
    try:
        data = sys.stdin.buffer.read() if options.listed == "-" else read_regular(options.listed, MAX_BYTES)
    except UnreadableError as error:
        raise InputError(f"{where}: {error.reason}: expected a list of pictures, one a line") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    parts = data.split(b"\0") if options.null else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    lines = [os.fsdecode(part) for part in parts if part.strip()]
    if not lines:
        raise InputError(f"{where}: empty, expected a list of pictures, one a line")
    if not options.null and b"\0" in data:
        raise UsageError(f"{where}: zero bytes between the names: add `null=True`")
    return lines


def _told_apart(given: Sequence[str], listed: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the folders, the files and the containers, each once, in the order of the call."""
    folders: dict[str, None] = {}
    files: list[str] = []
    containers: dict[str, None] = {}
    for number, each in enumerate([*given, *listed]):
        address = each if is_remote(each) or not each else os.path.normpath(each)
        if _ends(address, _PACKED):
            raise UsageError(f"{shown(each)}: packed in a way that is not read, expected .tar or .tar.gz: unpack it")
        is_list = number >= len(given)
        if _ends(address, (*_TARS, *_TABLES)) and not (not is_remote(address) and os.path.isdir(address)):  # noqa: PTH112
            if not is_remote(address):
                Container(address).size()
            containers[address] = None
        elif is_list or _is_file(address):
            files.append(address)
        else:
            folders[address] = None
    return list(folders), files, list(containers)


def _is_file(address: str) -> bool:
    """Whether an argument is one file and no folder; InputError: neither is there."""
    if is_remote(address):
        if address.startswith("http"):
            if address.endswith("/"):
                raise UsageError(f"{shown(address)}: a web server lists no folders: give its files, or a list of them")
            return True
        return _ends(address, tuple(picture_endings()))
    if os.path.isdir(address):  # noqa: PTH112
        return False
    try:
        os.stat(address)  # noqa: PTH116
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible name"
        raise InputError(
            f"{shown(address)}: cannot be read ({reason}), expected a folder or a file: check the name"
        ) from None
    return True


def _ends(address: str, endings: tuple[str, ...]) -> bool:
    path = address.partition("?")[0] if is_remote(address) else address
    return path.lower().endswith(endings)


def _check(options: SourceOptions, patterns: Patterns, has_files: bool, containers: Sequence[str]) -> None:
    """Raise UsageError for options about something that is not among the sources."""
    tables = [each for each in containers if _ends(each, _TABLES)]
    if options.image_column is not None and not tables:
        raise UsageError(f"`image_column={shown(options.image_column)}` is about tables: there is no .parquet")
    if patterns and not has_files and len(tables) == len(containers):
        raise UsageError("`include=` and `exclude=` are about names, which the rows of a table do not have")
    if options.class_from not in (None, PARENT, NONE) and not containers:
        raise UsageError(
            f"`class_from={shown(str(options.class_from))}` names a column or a field of a tar or a table, expected "
            "parent for folders"
        )


def _prefixes(addresses: Sequence[str]) -> dict[str, str]:
    """Return what stands before the keys of each container and folder: its base name, with a number if it is taken."""
    taken: set[str] = set()
    found = {}
    for address in addresses:
        path = address.partition("?")[0].rstrip("/") if is_remote(address) else os.path.abspath(address)  # noqa: PTH100
        base = path.rpartition("/")[2] or "root"
        number, free = 1, base
        while free in taken:
            number += 1
            free = f"{number}-{base}"
        taken.add(free)
        found[address] = f"{free}/"
    return found
