"""Images/s of Ray on this machine as a share of the local engine's: python -m tests.benchmarks.ray_throughput

Both write the same parts of the same pictures, with the same batches, threads and readers. Start-up is apart: the clock
runs from the first image that is reported to the last. They take turns; the median of the ratios is printed. The
processor time an image, of this process and all that it started, is the better measure on a machine that does other
things, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.photo_folder import write_photos
from vitexplain.batch.engine import Engine, Pace
from vitexplain.batch.engines.ray import RayEngine
from vitexplain.batch.engines.ray_cluster import cluster
from vitexplain.batch.engines.ray_rows import Task
from vitexplain.batch.engines.shares import Node, dealt_out
from vitexplain.batch.layout import Layout
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.opening import opened
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.batch.sources.source import Listed
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.parts import PartsWork
from vitexplain.cli.allocation import keep_freed_memory
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, load_model
from vitexplain.output import FolderDestination, WriteOptions
from vitexplain.pipeline import Request

Report = Callable[[Mapping[str, Any]], None]


def prepared(name: str, threads: int) -> LoadedModel:
    """Return the model, in a process that is set up as that of a command."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    return load_model(name)


class Clock:
    """Time and processor time from the first report to the last."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._used = 0.0

    def report(self, _record: Mapping[str, Any]) -> None:
        """Note that an image is done."""
        self._times.append(time.perf_counter())
        if len(self._times) == 1:
            self._used = processor_seconds()

    def rates(self) -> tuple[float, float]:
        """Return images/s, and images per second of processor time, without those that came with the first report."""
        used, times = processor_seconds() - self._used, self._times
        count = sum(moment - times[0] > 0.1 for moment in times)  # Ray reports several at once
        return count / (times[-1] - times[0]), count / used


def processor_seconds() -> float:
    """Return the processor time of this process and of those below it, ended ones included."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            values = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            parents[pid], used[pid] = int(values[1]), sum(map(int, values[11:15]))
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(used[pid] for pid in ours) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part-size", type=int, default=500)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    shares = dealt_out([Node(options.cpus)], options.concurrency, on_gpus=False)
    threads = max(1, int(shares.cpus))
    pace = Pace(8, max(1, int(shares.cpus) // 2))
    model = prepared(options.model, options.cpus)
    request = Request(parse_methods(["rollout"])).for_model(model)
    layout = Layout(part_size=options.part_size)
    runs: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as place, cluster(None, cpus=options.cpus, logs=False) as ray:
        folder = write_photos(Path(place) / "photos", options.count, int(width), int(height))
        units = [Listed("", list_pictures(str(folder), Path(place) / "out"))]
        for number in range(options.rounds):
            rates: list[float] = []
            for engine in ("local", "ray"):
                out = Path(place) / f"{engine}{number}"
                write = WriteOptions(out, record=False)
                manifest = Manifest.of("photos", model, request, write, None, layout=layout)
                with opened(FolderDestination(out)) as output, output.begun(manifest, units):
                    work = output.work(units, layout)
                    assert isinstance(work, PartsWork)

                    def locally(report: Report, work: PartsWork = work, write: WriteOptions = write) -> Tally:
                        with work.begun(write, lambda _total, _done: None) as (sink, left):
                            mine = Pace(pace.batch_size, max(1, options.cpus // 2))
                            return Engine(model, request, mine, sink, report, lambda: False).run(left)

                    load = partial(prepared, options.model, threads)
                    task = Task(load, manifest.settings["model"], request, work, write, pace)

                    def by_ray(report: Report, work: PartsWork = work, task: Task = task) -> Tally:
                        driver = RayEngine(ray, shares, task, report, lambda: False, lambda _: None)
                        return driver.run(work, lambda _total, _done: None)

                    clock = Clock()
                    tally = (locally if engine == "local" else by_ray)(clock.report)
                    assert tally.explained == work.total
                    rates += clock.rates()
            alone, alone_cpu, by, by_cpu = rates
            runs.append((alone, by, by / alone, by_cpu / alone_cpu))
            print(f"  {alone:.1f} images/s locally, {by:.1f} by Ray: {by / alone:.1%}", flush=True)
    ratios = [run[2] for run in runs]
    print(
        f"{options.count} JPEGs of {options.size}, {options.model}, parts of {options.part_size}, {shares.count} "
        f"actors with {shares.cpus:g} processors, torch {torch.__version__}: ratio {statistics.median(ratios):.1%} "
        f"({min(ratios):.1%} to {max(ratios):.1%}); of processor time {statistics.median(run[3] for run in runs):.1%}"
    )


if __name__ == "__main__":
    main()
