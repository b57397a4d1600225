"""A stream of inputs explained: read ahead, and their files written while the next batch runs through the model."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from vitexplain.batch.grouping import Group, Groups, Item
from vitexplain.batch.inputs import Input
from vitexplain.batch.profile import Profile
from vitexplain.batch.reading import pictures
from vitexplain.batch.sinks.sink import Record, Sink
from vitexplain.batch.tally import Tally
from vitexplain.batch.worker import Read, ReadJob, Unread
from vitexplain.errors import LimitError, ModelError, OutputError, TooLargeError, VitexplainError
from vitexplain.images.files import shown
from vitexplain.models import LoadedModel
from vitexplain.output import DRAW
from vitexplain.pipeline import Request, explain_batch, truth_of
from vitexplain.result import Failure, Result

_THIS_FILE_ONLY = frozenset((errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EILSEQ))
"""Errors that concern the name of one output; any other (a full disk, a store that is gone) would hit every image."""

_MODEL_AND_MACHINE = (ModelError, LimitError)
"""Errors which, where every image of the first batch has one, all others would have, too."""

_WRITERS = 2


@dataclass(frozen=True)
class Pace:
    """How fast, which changes no result: images per forward pass, worker processes that read pictures (0: none)."""

    batch_size: int = 8
    workers: int = 1


class Engine:
    """One run over the inputs that are left; records reach the sink in the order of the inputs.

    `report` gets every record after it was written, `kept` those that will outlive a kill. `stop` is called before
    every batch: once it returns True, the current batch is finished and no other is begun. `profile`: where the time
    goes.
    """

    def __init__(
        self,
        model: LoadedModel,
        request: Request,
        pace: Pace,
        sink: Sink,
        report: Callable[[Mapping[str, Any]], None],
        stop: Callable[[], bool],
        kept: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self._model, self._request, self._pace = model, request, pace
        self._sink, self._report, self._stop, self._kept = sink, report, stop, kept
        self._entries: dict[int, tuple[Input, Record | Future[Record]]] = {}
        self._emitted = 0
        # Pictures that wait to be drawn are kept whole, so there may not be many of them.
        self._room = threading.Semaphore(2 * pace.batch_size)
        self._groups = Groups(pace.batch_size)
        self._tally = Tally()
        self.profile = Profile()
        self._proven = False
        self._proven_before: Callable[[], bool] = bool

    def run(self, inputs: Iterable[Input], *, proven: Callable[[], bool] = lambda: False) -> Tally:
        """Explain the inputs, which may be listed while others are explained; return the counts of what is kept.

        `proven` says whether the model has explained images of this batch before. Otherwise, if it fails on every image
        of the first batch, its ModelError is raised: it would fail on all others, too; so is the LimitError of a device
        whose memory holds no image. Where it holds some, batches are halved until they fit. OutputError: the output can
        no longer be written. What was finished before stays and counts when the run is resumed.
        """
        self._proven_before = proven
        least = self._request.least(self._model.preprocess)
        job = ReadJob(self._model.preprocess, self._request.view, self._request.max_pixels, least)
        ahead = 2 * self._pace.batch_size
        groups = self._groups
        with (
            ThreadPoolExecutor(_WRITERS) as pool,
            closing(pictures(inputs, job, self._pace.workers, ahead)) as answers,
        ):
            try:
                for index, (given, answer) in enumerate(self._awaited(answers)):
                    if isinstance(answer, Unread):
                        self._fail(index, given, answer.error, answer.seconds)
                    else:
                        self.profile.add(answer.stages)
                        groups.add(Item(index, given, answer))
                        while not self._stop() and (group := groups.ready(index)):
                            self._explain(group, pool)
                    self._emit(limit=ahead)
                    if self._stop():
                        self._tally.stopped = True
                        break
                while not self._stop() and (group := groups.oldest()):
                    self._explain(group, pool)
                    self._emit(limit=ahead)
                self._tally.stopped |= bool(groups)
                self._emit_rest()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                with suppress(OutputError):
                    self._keep_finished()
                raise
        return self._tally

    def _awaited(self, answers: Iterator[tuple[Input, Read | Unread]]) -> Iterator[tuple[Input, Read | Unread]]:
        """Yield the answers, and time how long they are waited for."""
        while True:
            with self.profile.timed("wait"):
                found = next(answers, None)
            if found is None:
                return
            yield found

    def _explain(self, group: Group, pool: ThreadPoolExecutor) -> None:
        """Explain a group in one forward pass; if that fails, image by image, so that only the faulty ones fail."""
        error = self._explained(group, pool)
        if error is None:
            return
        failed = [(group.items[0], error)]
        if len(group.items) > 1:
            alone = [(item, self._explained(group.alone(item), pool)) for item in group.items]
            failed = [(item, error) for item, error in alone if error is not None]
        if not (self._proven or self._proven_before()) and all(
            isinstance(error, _MODEL_AND_MACHINE) for _, error in failed
        ):
            raise failed[0][1]
        for item, error in failed:
            self._fail(item.index, item.given, error, item.read.seconds)

    def _explained(self, group: Group, pool: ThreadPoolExecutor) -> VitexplainError | None:
        """Explain a group in one forward pass and submit its results for writing; return the error if that fails."""
        try:
            results: list[Result] | None = explain_batch(
                self._model,
                [(item.read.picture, item.read.pixels, item.read.view) for item in group.items],
                self._request,
                [item.read.seconds for item in group.items],
                pad_to=group.padded,
            )
        except torch.OutOfMemoryError:
            results = None  # not handled here: the error's frames hold what did not fit
        except TooLargeError as error:
            if group.padded == 1:
                return error
            results = None
        except VitexplainError as error:
            return error
        if results is None:
            return self._halved(group, pool)
        self._proven = True
        for result in results:
            self.profile.add({"model": result.seconds["forward_pass"], "methods": result.seconds["methods"]})
        for item, result in zip(group.items, results, strict=True):
            if item.given.truth is not None:
                result = replace(result, truth=truth_of(item.given.truth, self._model))
            self._room.acquire()
            self._entries[item.index] = item.given, pool.submit(self._stored, item.given, result)
        return None

    def _halved(self, group: Group, pool: ThreadPoolExecutor) -> VitexplainError | None:
        """Explain in halves what the memory cannot hold, and all others of this size; return the error of one image."""
        device = self._model.device
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if group.padded == 1:
            height, width = group.shape[-2:]
            return LimitError(
                f"{shown(group.items[0].given.path)}: {width} x {height} pixels are too large for the memory of "
                f"{device}: give `methods=rollout`, which needs no gradients, a smaller view, or `device=cpu`"
            )
        halves = group.halves()
        self._groups.limit(group.shape, halves[0].padded)
        notice = (
            f"batches of {group.padded} did not fit into the memory of {device}, batches of {halves[0].padded} follow"
        )
        self._tally.notices[notice] += len(group.items)
        for half in halves:
            self._explain(half, pool)
        return None

    def _stored(self, given: Input, result: Result) -> Record:
        """Store a result and return its record, or that of a failure if only this image's files cannot be written."""
        began = time.perf_counter()
        try:
            record = _keyed(self._sink.keep(given, result), given)
            drawn = record["seconds"].get(DRAW, 0.0)
            self.profile.add({"draw": drawn, "write": time.perf_counter() - began - drawn})
            return record
        except OutputError as error:
            cause = error.__cause__  # None: we refuse ourselves to write to this file
            if cause is not None and not (isinstance(cause, OSError) and cause.errno in _THIS_FILE_ONLY):
                raise
            return _failed(given, error, result.seconds)
        finally:
            self._room.release()

    def _fail(self, index: int, given: Input, error: VitexplainError, seconds: float) -> None:
        self._entries[index] = given, _failed(given, error, {"read": seconds})

    def _emit(self, limit: int) -> None:
        """Hand over the records that are due, and wait for them while more than `limit` are on their way."""
        while self._emitted in self._entries:
            _, entry = self._entries[self._emitted]
            if isinstance(entry, Future) and not entry.done() and len(self._entries) <= limit:
                return
            self._hand_over(self._emitted)
            self._emitted += 1

    def _emit_rest(self) -> None:
        """Hand over everything that was started."""
        for index in sorted(self._entries):
            self._hand_over(index)

    def _keep_finished(self) -> None:
        """Write the records of what is finished when an error ends the run, without reporting them."""
        for index, (given, entry) in sorted(self._entries.items()):
            if isinstance(entry, Future):
                if entry.cancelled() or entry.exception() is not None:
                    continue
                entry = entry.result()
            self._sink.write(given, entry)
            del self._entries[index]

    def _hand_over(self, index: int) -> None:
        given, entry = self._entries[index]
        record = entry.result() if isinstance(entry, Future) else entry
        # Deleted first: if writing or reporting fails, it must not be written again.
        del self._entries[index]
        with self.profile.timed("records"):
            kept = self._sink.write(given, record)
        for each in kept:
            self._tally.count(each)
            self._kept(each)
        self._report(record)


def _keyed(record: Record, given: Input) -> Record:
    """Return a record with the input's key, by which a resumed run, and other machines, know its image."""
    record["image"] = {"path": given.path, "key": given.name, **record["image"]}
    return record


def _failed(given: Input, error: VitexplainError, seconds: Mapping[str, float]) -> Record:
    return _keyed(Failure(given.path, error, seconds).to_record(), given)
