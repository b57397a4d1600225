"""write_result: the files of one result, all or none; write_single: one file about an image, by the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    path = folder / file_name(stem_of(image), "", ending)
    require_own([path], sha256, overwrite, image)
    write_files([(path, data)], folder)
    return path


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
