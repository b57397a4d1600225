"""The output folder of a batch: created, resumed or restarted; nothing is done twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitexplain.batch.inputs import Input
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.naming import named
from vitexplain.errors import ModelError, OutputError
from vitexplain.files import UnreadableError, regular_size
from vitexplain.images.files import shown
from vitexplain.output import input_of, line, read_lines, remove_stale, require_folder, write_files
from vitexplain.output.lock import locked
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS
from vitexplain.result import verdict_in

_BY_OTHERS = ("compare", "graph")
"""How the names of files go on after the stem that other commands wrote."""


@dataclass(frozen=True)
class Done:
    """What earlier runs of the same batch left: paths, and how many of them were explained and how many failed.

    `notices`: of how many images each notice is true, `truths`: of how many each verdict on the first prediction.
    """

    paths: frozenset[str]
    explained: int
    failed: int
    notices: Counter[str] = field(default_factory=Counter)
    truths: Counter[str] = field(default_factory=Counter)


def holds_run(folder: Path) -> bool:
    """Whether a batch writes, or wrote, into this folder, or something in it has the name of a batch's files."""
    return any(os.path.lexists(folder / name) for name in (LOCK, MANIFEST, RECORDS))


@dataclass(frozen=True)
class RunFolder:
    """A batch's output folder, locked and looked at; `before`: the manifest of an earlier run, if there is one."""

    folder: Path
    inputs: Sequence[Input]
    before: Manifest | None

    def finished(self, call: str, *, retry: bool = False) -> Done | None:
        """Return what an earlier run left if it was made by the same `call` and nothing is missing; None otherwise."""
        if self.before is None or not self.before.is_of(call):
            return None
        done = _done(self.folder, retry)
        return done if all(listed.path in done.paths for listed in self.inputs) else None

    @contextmanager
    def begun(self, manifest: Manifest, *, restart: bool = False, retry: bool = False) -> Iterator[Done]:
        """Put the folder in order for a run with these settings, and return what is already done in it.

        A torn last line of the records is cut off, and records whose files are gone are dropped, with `retry` those of
        failed images, too. `restart` removes everything that the old manifest names. UsageError: the folder belongs to
        a batch with other settings. If the model fails before there is any record, the manifest is removed: other
        settings may follow.
        """
        before = self.before
        if before is not None and restart:
            _remove(self.folder, self.inputs)
            before = None
        if before is None:
            manifest.write(self.folder)
        else:
            before.require_same(manifest, self.folder)
        try:
            yield _done(self.folder, retry)
        except ModelError:
            if before is None:
                _withdraw(self.folder)
            raise


@contextmanager
def opened(folder: Path, inputs: Sequence[Input]) -> Iterator[RunFolder]:
    """Lock the output folder and look at what is there; no model is needed for that.

    OutputError: it cannot be written, another process writes there, or it holds other files.
    """
    require_folder(folder)
    with locked(folder):
        remove_stale(folder)
        if (folder / RECORDS).is_symlink():
            raise OutputError(
                f"{shown(str(folder / RECORDS))} is a link: a batch does not change what it leads to; remove the link, "
                "or give another folder with `folder=`"
            )
        _require_regular(folder / RECORDS)
        before = Manifest.read(folder)
        if before is None and os.path.lexists(folder / RECORDS):
            raise OutputError(
                f"{shown(str(folder / RECORDS))} already exists, without the manifest of a batch: give another "
                "folder with `folder=`"
            )
        yield RunFolder(folder, inputs, before)


@contextmanager
def run_folder(
    folder: Path, manifest: Manifest, inputs: Sequence[Input], *, restart: bool = False, retry: bool = False
) -> Iterator[Done]:
    """Open the output folder and begin a run in it, where the model is at hand already."""
    with opened(folder, inputs) as place, place.begun(manifest, restart=restart, retry=retry) as done:
        yield done


def _require_regular(records: Path) -> None:
    """Raise OutputError if there is something in the place of the records that is no file."""
    if os.path.lexists(records):
        try:
            regular_size(records)
        except UnreadableError as error:
            raise OutputError(
                f"{shown(str(records))}: {error.reason}: remove it, or give another folder with `folder=`"
            ) from None


def _withdraw(folder: Path) -> None:
    """Remove the manifest of a batch that has no records, as far as that can be done."""
    records = folder / RECORDS
    with suppress(OSError):
        if not records.exists() or records.stat().st_size == 0:
            records.unlink(missing_ok=True)
            (folder / MANIFEST).unlink(missing_ok=True)


def _done(folder: Path, retry: bool) -> Done:
    """Read the records, and rewrite them if some do not count."""
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
    if dropped:
        _keep(path, folder, retry)
    elif end < path.stat().st_size:
        os.truncate(path, end)
    explained = sum(kept.values())
    return Done(frozenset(kept), explained, len(kept) - explained, notices, truths)


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


def _remove(folder: Path, inputs: Sequence[Input]) -> None:
    """Remove the records, and every file that they name, or that is called after an input, and carries our mark."""
    names: set[str] = set()
    path = folder / RECORDS
    if path.exists():
        for record, _ in read_lines(path):
            names.update(_files(record))
    # A killed run may have written files of images that have no record yet: all up to their first dot is the stem.
    stems = set(named(inputs).values())
    for above in {stem.rpartition("/")[0] for stem in stems}:
        for name in os.listdir(folder / above) if os.path.isdir(folder / above) else ():  # noqa: PTH208, PTH112
            start, _, rest = name.partition(".")
            prefix = f"{above}/" if above else ""
            if prefix + start in stems and not rest.startswith(_BY_OTHERS):
                names.add(prefix + name)
    inside = folder.resolve()
    for name in sorted(names):
        file = folder / name
        if os.path.isfile(file) and inside in file.resolve().parents and input_of(file) is not None:  # noqa: PTH113
            file.unlink(missing_ok=True)
            _remove_empty(file.parent, folder)
    path.unlink(missing_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)


def _remove_empty(inner: Path, folder: Path) -> None:
    """Remove a folder and those above it, below the output folder, as far as they are empty."""
    while inner != folder:
        try:
            inner.rmdir()
        except OSError:
            return
        inner = inner.parent
