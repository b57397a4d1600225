"""What earlier runs left in one growing file of records: nothing is done twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitexplain.batch.inputs import Input
from vitexplain.batch.naming import named
from vitexplain.output import input_of, line, read_lines, write_files
from vitexplain.output.run_folder import RECORDS
from vitexplain.result import verdict_in

_BY_OTHERS = ("compare", "graph")
"""How the names of files go on after the stem that other commands wrote."""


@dataclass(frozen=True)
class Done:
    """What earlier runs of the same batch left: paths, and how many of them were explained and how many failed.

    `notices`: of how many images each notice is true, `truths`: of how many each verdict on the first prediction.
    `failures`: the paths of those that failed.
    """

    paths: frozenset[str]
    explained: int
    failed: int
    notices: Counter[str] = field(default_factory=Counter)
    failures: frozenset[str] = frozenset()
    truths: Counter[str] = field(default_factory=Counter)


def done_before(folder: Path, *, retry: bool = False, in_order: bool = False) -> Done:
    """Put the records in order, unless they are (`in_order`), and return what is done.

    A torn last line is cut off, and records whose files are gone are dropped, with `retry` those of failed images, too.
    """
    path = folder / RECORDS
    if not path.exists():
        return Done(frozenset(), 0, 0)
    kept: dict[str, bool] = {}
    notices: Counter[str] = Counter()
    truths: Counter[str] = Counter()
    dropped, end = 0, 0
    for record, end in read_lines(path):  # noqa: B007 - the last end is needed
        name, counts = _judge(record, folder, retry)
        if counts and name not in kept:
            kept[name] = "error" not in record
            notices.update(notices_in(record))
            truths.update(verdicts_in(record))
        else:
            dropped += 1
    if in_order:
        pass  # other processes read them, too
    elif dropped:
        _keep(path, folder, retry)
    elif end < path.stat().st_size:
        os.truncate(path, end)
    failures = frozenset(path for path, explained in kept.items() if not explained)
    return Done(frozenset(kept), len(kept) - len(failures), len(failures), notices, failures, truths)


def _keep(path: Path, folder: Path, retry: bool) -> None:
    """Rewrite the records: only those that count, the first of each path."""
    seen: set[str] = set()
    parts = []
    for record, _ in read_lines(path):
        name, counts = _judge(record, folder, retry)
        if counts and name not in seen:
            seen.add(name)
            parts.append(line(record))
    write_files([(path, b"".join(parts))], folder)


def notices_in(record: Mapping[str, Any]) -> set[str]:
    """Return the notices in a record, those of a method without what comes after the colon: numbers of their own."""
    try:
        specific = {
            f"{each['spec']}: {notice.partition(':')[0]}"
            for each in record.get("explanations", ())
            for notice in each["notices"]
        }
        return {*record.get("notices", ()), *specific}
    except (AttributeError, KeyError, TypeError):  # damaged
        return set()


def verdicts_in(record: Mapping[str, Any]) -> set[str]:
    """Return the verdict on a record's first prediction, where a label came with the picture."""
    verdict = verdict_in(record)
    return set() if verdict is None else {verdict}


def _judge(record: Mapping[str, Any], folder: Path, retry: bool) -> tuple[str, bool]:
    """Return the path of a record, and whether its image is done."""
    image = record.get("image")
    name = image.get("path") if isinstance(image, Mapping) else None
    if not isinstance(name, str):
        return "", False
    if "error" in record:
        return name, not retry
    # os.path answers False where Path.is_file raises, as for a name that no file can have.
    return name, all(os.path.isfile(folder / file) for file in _files(record))  # noqa: PTH113


def _files(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the files in a record; one that is damaged names none that is there."""
    try:
        for explanation in record.get("explanations", ()):
            yield from map(os.fspath, explanation.get("files", {}).values())
    except (AttributeError, TypeError):
        yield "\0"


def remove_records(folder: Path, inputs: Sequence[Input]) -> None:
    """Remove the records, and every file that they name, or that is called after an input, and carries our mark."""
    names = {name for record in _records(folder) for name in _files(record)}
    _remove(folder, names | _called_after(folder, inputs, frozenset()))
    (folder / RECORDS).unlink(missing_ok=True)


def remove_unrecorded(folder: Path, inputs: Sequence[Input]) -> None:
    """Remove the files of those inputs that have no record yet: a killed run may have left some."""
    recorded = {name for record in _records(folder) for name in _files(record)}
    done = frozenset(_judge(record, folder, retry=False)[0] for record in _records(folder))
    _remove(folder, _called_after(folder, inputs, done) - recorded)


def _records(folder: Path) -> Iterator[Mapping[str, Any]]:
    path = folder / RECORDS
    return (record for record, _ in read_lines(path)) if path.exists() else iter(())


def _called_after(folder: Path, inputs: Sequence[Input], done: frozenset[str]) -> set[str]:
    """Return the names of the files called after an input that is not done: all up to their first dot is the stem."""
    every = named(inputs)
    stems = {every[each.name] for each in inputs if each.path not in done}
    found = set()
    for above in {stem.rpartition("/")[0] for stem in stems}:
        for name in os.listdir(folder / above) if os.path.isdir(folder / above) else ():  # noqa: PTH208, PTH112
            start, _, rest = name.partition(".")
            prefix = f"{above}/" if above else ""
            if prefix + start in stems and not rest.startswith(_BY_OTHERS):
                found.add(prefix + name)
    return found


def _remove(folder: Path, names: Iterable[str]) -> None:
    inside = folder.resolve()
    for name in sorted(names):
        file = folder / name
        if os.path.isfile(file) and inside in file.resolve().parents and input_of(file) is not None:  # noqa: PTH113
            file.unlink(missing_ok=True)
            _remove_empty(file.parent, folder)


def _remove_empty(inner: Path, folder: Path) -> None:
    """Remove a folder and those above it, below the output folder, as far as they are empty."""
    while inner != folder:
        try:
            inner.rmdir()
        except OSError:
            return
        inner = inner.parent
