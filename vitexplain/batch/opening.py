"""The output of a batch: locked, looked at, and put in order for a run with the same settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitexplain.batch.entries import PARTS
from vitexplain.batch.inputs import Input
from vitexplain.batch.layout import Layout
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.parts import Shard
from vitexplain.batch.removal import remove_parts
from vitexplain.batch.resume import Done, done_before, remove_records, remove_unrecorded
from vitexplain.batch.sinks.packed import SCORES
from vitexplain.batch.sinks.pictures import PICTURES
from vitexplain.batch.sources.source import Listed, Listing, Unit
from vitexplain.batch.work.lines import LinesWork
from vitexplain.batch.work.parts import PartsWork
from vitexplain.batch.work.work import Work
from vitexplain.errors import ModelError, OutputError, UsageError
from vitexplain.files import UnreadableError, regular_size
from vitexplain.images.files import shown
from vitexplain.output import Destination, FolderDestination, remove_stale, require_folder
from vitexplain.output.atomic import write_new
from vitexplain.output.lock import Lock, locked, locked_share
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS


def holds_run(destination: Destination) -> bool:
    """Whether a batch writes, or wrote, there, or something there has the name of a batch's files."""
    folder = folder_of(destination)
    if folder is None:
        return destination.size(MANIFEST) is not None
    return any(os.path.lexists(folder / name) for name in (LOCK, MANIFEST, RECORDS, PARTS))


def folder_of(destination: Destination) -> Path | None:
    """Return the folder of this machine that it is; None for a place behind a protocol."""
    return destination.folder if isinstance(destination, FolderDestination) else None


@dataclass(frozen=True)
class Opened:
    """A batch's output, looked at; `before`: the manifest of an earlier run, if there is one.

    `lock`: None for a place behind a protocol, which has none. `shard`: None for a run alone.
    """

    destination: Destination
    before: Manifest | None
    shard: Shard | None
    lock: Lock | None

    @property
    def layout(self) -> Layout | None:
        """The layout of the earlier run; None: one growing file, or there was no run."""
        return None if self.before is None else self.before.layout

    def work(self, units: Sequence[Unit], layout: Layout | None, *, retry: bool = False) -> Work:
        """Return what is to be done of a source in this layout."""
        folder = folder_of(self.destination)
        if layout is None:
            assert folder is not None
            return LinesWork(folder, units, retry=retry)
        alone = self.lock is not None and self.lock.alone
        elsewhere = None if folder is None else done_before(folder, retry=retry and alone, in_order=not alone)
        return PartsWork(self.destination, units, layout, self.shard or Shard(), retry=retry, elsewhere=elsewhere)

    def is_finished(self, call: str, units: Sequence[Unit], layout: Layout | None, *, retry: bool) -> Work | None:
        """Return what an earlier run did if it was made by the same `call` and nothing is left; None otherwise."""
        if self.before is None or not self.before.is_of(call) or self.before.layout != layout:
            return None
        work = self.work(units, layout, retry=retry)
        return work if work.is_finished() else None

    def require_same(self, asked: Mapping[str, Any]) -> None:
        """Raise UsageError if an earlier run had other settings than those `asked` for, before a model is loaded."""
        if self.before is not None:
            self.before.require_same(
                Manifest({**self.before.settings, **asked}), self.destination, sharded=self.shard is not None
            )

    @contextmanager
    def begun(self, manifest: Manifest, units: Sequence[Unit], *, restart: bool = False) -> Iterator[None]:
        """Put the output in order for a run with these settings over these units.

        `restart` removes everything that the old manifest names. UsageError: it belongs to a batch with other settings.
        If the model fails before there is any record, the manifest is removed: other settings may follow.
        """
        before = self.before
        if before is not None and restart:
            self._remove(units)
            before = None
        if before is None:
            before = self._first(manifest)
        if before is not None:
            before.require_same(manifest, self.destination, sharded=self.shard is not None)
            if before.layout != manifest.layout:  # from one growing file to parts
                folder = folder_of(self.destination)
                if folder is not None:
                    remove_unrecorded(folder, _inputs(units))
                self.destination.put(MANIFEST, manifest.encoded())
        try:
            yield
        except ModelError:
            if before is None:
                self._withdraw()
            raise

    def _first(self, manifest: Manifest) -> Manifest | None:
        """Write the manifest, or return that of another shard, which was faster."""
        folder = folder_of(self.destination)
        if folder is None:
            self.destination.put(MANIFEST, manifest.encoded())
            return None
        return None if write_new(folder / MANIFEST, manifest.encoded(), folder) else Manifest.read(self.destination)

    def _remove(self, units: Sequence[Unit]) -> None:
        """Remove all that the batch wrote."""
        if self.shard is not None:
            raise UsageError(
                f"`restart=True` would remove the work of all shards: remove {shown(str(self.destination))}, then "
                "start them without it"
            )
        folder = folder_of(self.destination)
        if folder is not None:
            remove_records(folder, _inputs(units))
        remove_parts(self.destination)
        self.destination.remove(MANIFEST)

    def _withdraw(self) -> None:
        """Remove the manifest of a batch that has no records, as far as that can be done."""
        folder = folder_of(self.destination)
        with suppress(OSError, OutputError):
            if self.lock is not None and not self.lock.be_alone():
                return
            if next(iter(self.destination.names(PARTS)), None) or self.destination.size(RECORDS):
                return
            if folder is not None:
                (folder / RECORDS).unlink(missing_ok=True)
            self.destination.remove(MANIFEST)


@contextmanager
def opened(destination: Destination, shard: Shard | None = None) -> Iterator[Opened]:
    """Lock the output and look at what is there; no model is needed for that. `shard`: others may write beside it.

    OutputError: it cannot be written, another process writes there, or it holds other files.
    """
    folder = folder_of(destination)
    if folder is None:
        before = Manifest.read(destination)
        if before is None and next(iter(destination.names(PARTS)), None):
            raise _without_manifest(f"{destination}/{PARTS}")
        yield Opened(destination, before, shard, None)
        return
    require_folder(folder)
    with locked(folder) if shard is None else locked_share(folder, shard.number, shard.count) as lock:
        _check_names(folder)
        if lock.alone:
            remove_stale(folder)
        before = Manifest.read(destination)
        if before is None:
            _require_empty(folder)
        elif lock.alone and shard is not None:
            done_before(folder)  # in order before other shards read it
        if shard is not None:
            lock.share()
        try:
            yield Opened(destination, before, shard, lock)
        finally:
            with suppress(OSError, OutputError):
                if lock.be_alone():
                    remove_stale(folder)


@contextmanager
def run_folder(
    folder: Path, manifest: Manifest, inputs: Sequence[Input], *, restart: bool = False, retry: bool = False
) -> Iterator[Done]:
    """Open a folder of one growing file and begin a run in it, where the model is at hand already."""
    units = [Listed("", Listing(tuple(inputs)))]
    with opened(FolderDestination(folder)) as place, place.begun(manifest, units, restart=restart):
        yield done_before(folder, retry=retry)


def _inputs(units: Sequence[Unit]) -> list[Input]:
    return [each for unit in units for each in unit.listing().pictures]


def _check_names(folder: Path) -> None:
    """Raise OutputError if there is something else in the place of the records, or of the folders of the parts."""
    of_parts = (folder / PICTURES).iterdir() if (folder / PICTURES).is_dir() else ()
    for path in (*(folder / name for name in (RECORDS, PARTS, PICTURES, SCORES)), *of_parts):
        if path.is_symlink():
            raise OutputError(
                f"{shown(str(path))} is a link: a batch does not change what it leads to; remove the link, or give "
                "another folder with `folder=`"
            )
    if os.path.lexists(folder / RECORDS):
        try:
            regular_size(folder / RECORDS)
        except UnreadableError as error:
            raise OutputError(
                f"{shown(str(folder / RECORDS))}: {error.reason}: remove it, or give another folder with `folder=`"
            ) from None


def _require_empty(folder: Path) -> None:
    """Raise OutputError if there are records or parts, but no manifest."""
    for name in (RECORDS, PARTS):
        if os.path.lexists(folder / name):
            raise _without_manifest(str(folder / name))


def _without_manifest(name: str) -> OutputError:
    return OutputError(
        f"{shown(name)} already exists, without the manifest of a batch: give another folder with `folder=`"
    )
