"""RayEngine: units listed and parts explained by Ray Data, on one machine or a cluster."""

from __future__ import annotations

import pickle
import queue
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from vitexplain.batch.engines.ray_rows import ROW, Report, Task, unit_row
from vitexplain.batch.engines.ray_worker import Explainer, listed
from vitexplain.batch.engines.shares import Node, Shares
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.parts import PartsWork
from vitexplain.batch.work.work import Found
from vitexplain.errors import LimitError, MissingExtraError

TRIES = 10
"""How often a part is begun again. A machine that dies takes several: until Ray knows, it tries it once more."""

_MOST_BLOCKS = 200
"""Blocks of rows into which the units are put; each is listed by one task."""


def nodes_of(ray: Any) -> list[Node]:
    """Return the machines that are there."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(each.get("CPU", 0), each.get("GPU", 0)) for each in resources]


class RayEngine:
    """One run of the parts that are left, each done by one of several processes; `task` is what they are told.

    `report`, `kept` and `stop` are as those of `Engine`, but `report` gets no more of a record than its error.
    """

    def __init__(
        self,
        ray: Any,
        shares: Shares,
        task: Task,
        report: Callable[[Mapping[str, Any]], None],
        stop: Callable[[], bool],
        kept: Callable[[Mapping[str, Any]], None],
        tries: int = TRIES,
    ) -> None:
        self._ray, self._shares, self._tries = ray, shares, tries
        self._task = replace(task, work=task.work.without_units())
        self._report, self._stop, self._kept = report, stop, kept

    def run(self, work: PartsWork, found: Found) -> Tally:
        """Do the parts, count what was done before in `work`, and return the counts of what is new.

        Errors of the machines are raised here. LimitError: a process died again and again over a part.
        """
        there = work.there()
        units = [
            unit_row(number, unit, {each for each in there if each[0] == number})
            for number, unit in enumerate(work.units)
        ]
        tally = Tally()
        for report in self._reports(units) if units else ():
            if report.error is not None:
                raise report.error
            if report.found is not None:
                work.total += report.found.total
                work.done.add(report.found.done)
                work.aside.update(report.found.aside)
                found(work.total, work.done.explained + work.done.failed)
            for message in report.errors:
                self._report({} if message is None else {"error": {"message": message}})
            if report.tally is not None:
                tally.add(report.tally)
            for record in report.records:
                self._kept(record)
        tally.stopped = self._stop()
        return tally

    def _reports(self, units: Sequence[dict[str, bytes]]) -> Iterator[Report]:
        """Yield what the machines report, until the end or until the run is to stop."""
        rows: queue.Queue[bytes | BaseException | None] = queue.Queue(100)

        def receive() -> None:
            try:
                for batch in self._dataset(units).iter_batches(
                    batch_size=None, batch_format="pyarrow", prefetch_batches=0
                ):
                    for row in batch[ROW].to_pylist():
                        rows.put(row)
                rows.put(None)
            except BaseException as error:  # raised where the rows are taken
                rows.put(error)

        # So that this thread can stop while no row comes.
        threading.Thread(target=receive, daemon=True).start()
        while not self._stop():
            try:
                row = rows.get(timeout=0.1)
            except queue.Empty:
                continue
            if row is None:
                return
            if isinstance(row, BaseException):
                raise self._explained(row)
            yield pickle.loads(row)

    def _dataset(self, units: Sequence[dict[str, bytes]]) -> Any:
        """Return the data set of reports, which is computed when it is iterated over."""
        data = self._ray.data
        # A block for each row: a part goes to whichever process is free, and a report comes as soon as it is made.
        data.DataContext.get_current().target_max_block_size = 1
        blocks = data.from_items(units, override_num_blocks=min(len(units), _MOST_BLOCKS))
        # Lists take no processor, so that there is one for them when all are dealt out.
        lists = blocks.flat_map(partial(listed, common=self._task.common), num_cpus=0)
        with warnings.catch_warnings():
            # There is no other way yet to bound the tries, which are endless otherwise.
            warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
            return lists.map_batches(
                Explainer,
                fn_constructor_args=(self._task,),
                batch_size=1,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=self._shares.count),
                num_cpus=self._shares.cpus,
                num_gpus=self._shares.gpus,
                max_restarts=-1,
                max_task_retries=self._tries,
            )

    def _explained(self, error: BaseException) -> BaseException:
        """Return an error of Ray's as one of ours, where a user can do something about it."""
        text = str(error)
        if "No module named 'vitexplain" in text:
            return MissingExtraError(
                "a machine of the Ray cluster has no vitexplain: pip install 'vitexplain[ray]' on all of them"
            )
        exceptions = self._ray.exceptions
        if isinstance(error, exceptions.RayActorError | exceptions.OutOfMemoryError | exceptions.WorkerCrashedError):
            return LimitError(
                f"the process that explained a part died {self._tries + 1} times over it, perhaps for want of memory: "
                "give a smaller `concurrency=` or `batch_size=`, and run the same command again to resume"
            )
        return error
