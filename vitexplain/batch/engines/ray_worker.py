"""What runs on the machines of a Ray cluster: a unit is listed, and parts are explained by a model that stays loaded.

It is sent to them by name: each machine has this package, of the same version.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vitexplain.batch.engines.ray_rows import ROW, Common, Found, Report, Task
from vitexplain.batch.sinks.parts import PartWork
from vitexplain.batch.tally import Tally
from vitexplain.errors import ModelError, VitexplainError

if TYPE_CHECKING:
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request

_REPORTS = 20
"""Reports of a part while it is explained. Their number depends on the part alone: where a process has died and a part
is done again, Ray leaves out as many as it has passed on before."""


def listed(row: Mapping[str, bytes], common: Common) -> Iterator[dict[str, bytes]]:
    """List a unit: a row of each part that is to be done, one more with what was found after the last."""
    number, unit, there = pickle.loads(row[ROW])
    try:
        common.arrive()
        work = common.work.without_units()
        for part in work.left_of(number, unit, there):
            if part.left:
                yield {ROW: pickle.dumps(Found(part, work.total, work.done, work.aside))}
                work.forget()
        yield {ROW: pickle.dumps(Found(None, work.total, work.done, work.aside))}
    except VitexplainError as error:
        yield {ROW: pickle.dumps(error)}


class Explainer:
    """A process with the model; it explains part after part."""

    def __init__(self, task: Task) -> None:
        self._task, self._proven = task, False
        self._error: VitexplainError | None = None
        try:
            task.common.arrive()
            self._model = _model(task)
            self._request = _moved(task.request, self._model)
        except VitexplainError as error:  # as a report: Ray would start this process again and again
            self._error = error

    def __call__(self, rows: Any) -> Iterator[Any]:
        """Explain a part; yield its reports, each as a table of one row."""
        import pyarrow as pa

        for row in rows[ROW].to_pylist():
            for report in self._reports(pickle.loads(row)):
                yield pa.table({ROW: pa.array([pickle.dumps(report)], pa.large_binary())})

    def _reports(self, found: Found | VitexplainError) -> Iterator[Report]:
        if isinstance(found, VitexplainError):
            yield Report(error=found)
            return
        yield Report(replace(found, work=None))
        if found.work is None:
            return
        if self._error is not None:
            yield Report(error=self._error)
            return
        size = -(-len(found.work.left) // _REPORTS)
        made = self._task.work.made(found.work)
        if made is not None:  # before a process that did it died
            yield from _of_part(made, size, whole_records=self._task.whole_records)
            return
        yield from _in_pieces(_Run(self._task, self._model, self._request, found.work, self._proven), size)
        self._proven = True


def _in_pieces(run: _Run, size: int) -> Iterator[Report]:
    """Yield what a run says in reports of `size` images."""
    waiting: list[str | None] = []
    try:
        while isinstance(said := run.said.get(), tuple):
            waiting += said
            if len(waiting) == size:
                yield Report(errors=tuple(waiting))
                waiting.clear()
        if isinstance(said, VitexplainError):
            yield Report(error=said)
        elif not isinstance(said, Tally):
            raise said
        else:
            if waiting:
                yield Report(errors=tuple(waiting))
            yield Report(tally=said)
            yield from _pieces(run.records, size)
    finally:
        run.stopped.set()
        run.join()


def _of_part(records: Sequence[Mapping[str, Any]], size: int, *, whole_records: bool) -> Iterator[Report]:
    """Yield as many reports as `_in_pieces` of a part that is whole already."""
    tally = Tally()
    for record in records:
        tally.count(record)
    errors = [_error_in(record) for record in records]
    for start in range(0, len(errors), size):
        yield Report(errors=tuple(errors[start : start + size]))
    yield Report(tally=tally)
    yield from _pieces(records if whole_records else (), size)


def _pieces(records: Sequence[Mapping[str, Any]], size: int) -> Iterator[Report]:
    for start in range(0, len(records), size):
        yield Report(records=tuple(records[start : start + size]))


def _error_in(record: Mapping[str, Any]) -> str | None:
    return record["error"]["message"] if "error" in record else None


class _Run(threading.Thread):
    """The engine over one part, beside the thread that reports.

    `said`: for each image a tuple of its error or None, at last the Tally, or what was raised.
    """

    def __init__(self, task: Task, model: LoadedModel, request: Request, work: PartWork, proven: bool) -> None:
        super().__init__(daemon=True)
        self._task, self._model, self._request, self._work, self._proven = task, model, request, work, proven
        self.said: queue.Queue[tuple[str | None] | Tally | BaseException] = queue.Queue()
        self.records: list[Mapping[str, Any]] = []
        self.stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """Explain the part."""
        from vitexplain.batch.engine import Engine

        try:
            with self._task.work.sink(self._task.write) as sink, _spawned_alone():
                engine = Engine(
                    self._model,
                    self._request,
                    self._task.pace,
                    sink,
                    lambda record: self.said.put((_error_in(record),)),
                    self.stopped.is_set,
                    self.records.append if self._task.whole_records else lambda _: None,
                )
                tally = engine.run(sink.inputs([self._work]), proven=lambda: self._proven)
            self.said.put(tally)
        except BaseException as error:
            self.said.put(error)


def _model(task: Task) -> LoadedModel:
    """Return the model; ModelError: it is not the one that the driver has."""
    from vitexplain.batch.manifest import Manifest

    model = task.load()
    found = Manifest.of("", model, task.request, task.write).settings["model"]
    others = [name for name in task.model if found.get(name) != task.model[name]]
    if others:
        raise ModelError(
            f"the model on machine {os.uname().nodename} is another one ({', '.join(others)}): give all machines of "
            "the cluster the same files under the same path"
        )
    return model


def _moved(request: Request, model: LoadedModel) -> Request:
    """Return the request for the device of this machine."""
    from vitexplain.pipeline.reference import Reference

    reference = request.reference_image
    if not isinstance(reference, Reference):
        return request
    return replace(request, reference_image=replace(reference, embedding=reference.embedding.to(model.device)))


@contextmanager
def _spawned_alone() -> Iterator[None]:
    """Start processes that read pictures without Ray's own script, which they would import otherwise."""
    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            main.__file__ = file
