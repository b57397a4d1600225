"""write_result: the files of one result, all or none; write_pages: one figure of an image, by the same rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output.atomic import write_files
from vitexplain.output.contents import WriteOptions, contents_of, file_names
from vitexplain.output.lines import line
from vitexplain.output.names import file_name, name_of, stem_of
from vitexplain.output.ownership import input_of, recorded_specs, require_own
from vitexplain.result import Result


@dataclass(frozen=True)
class Written:
    """The record as it stands on disk (or would), and the files in the order they were written.

    `replaced`: the specs in a record of the same image that stood there before, and that this one does not have.
    `older`: the record of the same image under the name that versions before 0.2 gave it, where there is one.
    `drawn`: how many seconds drawing took.
    """

    record: dict[str, Any]
    paths: tuple[Path, ...]
    replaced: tuple[str, ...] = ()
    older: Path | None = None
    drawn: float = 0.0


def write_result(result: Result, options: WriteOptions, stem: str | None = None) -> Written:
    """Write the files of one result, the record last; OutputError if a file cannot be written or is another input's.

    `stem` starts every name (see names.py): by default the last part of the path; one with folders (`birds/owl.jpg`)
    writes below them. The record's `files` are relative to the record, or to the folder if no record is written. May
    be called from several threads for different stems.
    """
    stem = stem_of(result.picture.path) if stem is None else stem
    record_name = file_name(stem, "", ".json")
    base = record_name.rpartition("/")[0] if options.record else ""
    planned = file_names(result, options, stem)
    names = [name for named in planned for name in named.values()] + [record_name] * options.record
    paths = {name: _inside(options.folder, name) for name in names}
    require_own(paths.values(), result.picture.sha256, options.overwrite, result.picture.path)
    made = contents_of(result, options, stem, base)
    files = [(paths[file.name], file.data) for file in made.files]
    if options.record:
        files.append((paths[record_name], line(made.record)))
    before = recorded_specs(paths[record_name]) if options.record else ()
    write_files(files, options.folder)
    now = {each.spec for each in result.explanations}
    replaced = tuple(spec for spec in before if spec not in now)
    return Written(made.record, tuple(path for path, _ in files), replaced, _older(result, options), made.drawn)


def write_single(
    folder: Path, image: str | None, ending: str, data: bytes, sha256: str, overwrite: bool = False
) -> Path:
    """Write `<name><ending>` into the folder and return its path; `image` is the path as given.

    The data carries the mark of its input. OutputError if it cannot be written or the file is another input's.
    """
    return write_pages(folder, image, ending, [data], sha256, overwrite).paths[0]


class Pages(NamedTuple):
    """The files of one figure; `left`: further pages of the same picture, of a figure that had more of them."""

    paths: tuple[Path, ...]
    left: tuple[Path, ...]


def write_pages(
    folder: Path, image: str | None, ending: str, pages: Sequence[bytes], sha256: str, overwrite: bool = False
) -> Pages:
    """Write the pages of one figure, all or none: `<name>.compare.png` for one, else `<name>.compare-1.png` and so on.

    Each carries the mark of its input; errors are those of `write_single`.
    """
    words, dot, form = ending.rpartition(".")

    def page(number: int) -> Path:
        return folder / file_name(stem_of(image), "", ending if number == 0 else f"{words}-{number}{dot}{form}")

    paths = [page(number) for number in (range(1, len(pages) + 1) if len(pages) > 1 else [0])]
    require_own(paths, sha256, overwrite, image)
    write_files(list(zip(paths, pages, strict=True)), folder)
    others = itertools.takewhile(Path.exists, map(page, itertools.count(len(pages) + 1 if len(pages) > 1 else 1)))
    whole = [page(0)] if len(pages) > 1 else []
    return Pages(tuple(paths), tuple(path for path in [*whole, *others] if input_of(path) == sha256))


def _older(result: Result, options: WriteOptions) -> Path | None:
    """Return the record of the same image in the folder whose name has the picture's ending, as in `cat.jpg.json`."""
    path = options.folder / f"{name_of(result.picture.path)}.json"
    return path if options.record and input_of(path) == result.picture.sha256 else None


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file below the folder; OutputError if a link on the way leads out of it."""
    path = folder / name
    if "/" in name:
        root, parent = folder.resolve(), path.parent.resolve()
        if parent != root and root not in parent.parents:
            raise OutputError(
                f"cannot write {shown(str(path))}: a link there leads out of the output folder; "
                "remove it, or give another folder with `folder=`"
            )
    return path
