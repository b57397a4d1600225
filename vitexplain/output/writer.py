"""write_result: the files of one result, all or none; write_single: one file about an image, by the same rules."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output.atomic import write_files
from vitexplain.output.lines import line
from vitexplain.output.names import digest, file_name, stem_of
from vitexplain.output.ownership import recorded_specs, require_own
from vitexplain.output.pictures import picture_file
from vitexplain.render import Drawing, end_mark
from vitexplain.result import Explanation, Result, Target

ENDINGS = {"overlay": ".png", "heatmap": ".heatmap.png", "npy": ".npy", "cut_layers": ".cut-layers.png"}
"""What may be written of an explanation, and how its file's name ends."""


@dataclass(frozen=True)
class WriteOptions:
    """What is written and where. `record` False writes no JSON file: the caller keeps the record itself."""

    folder: Path
    overwrite: bool = False
    overlay: bool = True
    heatmap: bool = False
    npy: bool = False
    cut_layers: bool = False
    record: bool = True
    drawing: Drawing = field(default_factory=Drawing)


@dataclass(frozen=True)
class Written:
    """The record as it stands on disk (or would), and the files in the order they were written.

    `replaced`: the specs in a record of the same image that stood there before, and that this one does not have.
    """

    record: dict[str, Any]
    paths: tuple[Path, ...]
    replaced: tuple[str, ...] = ()


def write_result(result: Result, options: WriteOptions, stem: str | None = None) -> Written:
    """Write the files of one result, the record last; OutputError if a file cannot be written or is another input's.

    `stem` starts every name (see names.py): by default the last part of the path; one with folders (`birds/owl.jpg`)
    writes below them. The record's `files` are relative to the record, or to the folder if no record is written. May
    be called from several threads for different stems.
    """
    stem = stem_of(result.picture.path) if stem is None else stem
    planned = _plan(result, options, stem)
    record_name = file_name(stem, None, ".json")
    base = record_name.rpartition("/")[0] if options.record else ""
    names = [name for named in planned for name in named.values()] + [record_name] * options.record
    paths = {name: _inside(options.folder, name) for name in names}
    require_own(paths.values(), result.picture.sha256, options.overwrite)
    relative = [{kind: name[len(base) + 1 :] if base else name for kind, name in named.items()} for named in planned]
    record = result.to_record(relative, options.drawing.asked)
    files = [
        (paths[name], _contents(kind, result, explanation, options.drawing))
        for explanation, named in zip(result.explanations, planned, strict=True)
        for kind, name in named.items()
    ]
    if options.record:
        files.append((paths[record_name], line(record)))
    before = recorded_specs(paths[record_name]) if options.record else ()
    write_files(files, options.folder)
    now = {each.spec for each in result.explanations}
    return Written(record, tuple(path for path, _ in files), tuple(spec for spec in before if spec not in now))


def write_single(
    folder: Path, image: str | None, ending: str, data: bytes, sha256: str, overwrite: bool = False
) -> Path:
    """Write `<name><ending>` into the folder and return its path; `image` is the path as given.

    The data carries the mark of its input. OutputError if it cannot be written or the file is another input's.
    """
    path = folder / file_name(stem_of(image), None, ending)
    require_own([path], sha256, overwrite)
    write_files([(path, data)], folder)
    return path


def _plan(result: Result, options: WriteOptions, stem: str) -> list[dict[str, str]]:
    """Return for every explanation the kinds of file to write and their names below the folder.

    The name has the class unless only the first prediction is explained, so that two classes never share a file.
    """
    taken: dict[str, str] = {}
    count = Counter(explanation.spec for explanation in result.explanations)
    planned = []
    for explanation in result.explanations:
        kinds = [kind for kind in ENDINGS if getattr(options, kind)]
        if explanation.cut_layers is None and "cut_layers" in kinds:
            kinds.remove("cut_layers")
        spec, target = explanation.spec, explanation.target
        if target is not None and (count[spec] > 1 or not result.is_first(target)):
            spec = f"{spec}{target.part}"
        elif isinstance(target, Target) and target.against is not None:
            spec = f"{spec}-against{target.against.index}"
        if taken.setdefault(file_name(stem, spec, "").casefold(), spec) != spec:
            spec = f"{spec}-{digest(spec)}"
        planned.append({kind: file_name(stem, spec, ENDINGS[kind]) for kind in kinds})
    return planned


def _contents(kind: str, result: Result, explanation: Explanation, drawing: Drawing) -> bytes:
    """Return the bytes of one file of an explanation."""
    if kind != "npy":
        return picture_file(kind, result, explanation, drawing)
    stream = io.BytesIO()
    np.save(stream, explanation.scores, allow_pickle=False)
    return stream.getvalue() + end_mark(result.picture.sha256)  # which numpy does not read


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
