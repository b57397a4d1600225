"""Images/s of `batch` as a share of a loop that only reads and classifies: python -m tests.benchmarks.batch_throughput

Both read the same files with the same workers in the same batches. `batch` also explains by rollout and writes
overlays (unless --overlay none) and records. They take turns in one process; the median of the ratios is printed, and
images/s of both. The processor time an image is the better measure on a machine that does other things, too.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import torch

from tests.benchmarks.photo_folder import write_photos
from vitexplain.batch.engine import Engine, Pace
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.naming import named
from vitexplain.batch.opening import run_folder
from vitexplain.batch.reading import pictures
from vitexplain.batch.sinks.lines import LinesSink
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.batch.sources.source import Listing
from vitexplain.batch.worker import Read, ReadJob
from vitexplain.cli.allocation import keep_freed_memory
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, load_model
from vitexplain.output import WriteOptions
from vitexplain.pipeline import Request


def classify(model: LoadedModel, listing: Listing, request: Request, pace: Pace) -> None:
    """Read and classify every picture, as anyone's loop would."""
    job = ReadJob(model.preprocess, request.view, request.max_pixels)
    waiting: list[torch.Tensor] = []
    for _, read in pictures(listing.pictures, job, pace.workers, 2 * pace.batch_size):
        assert isinstance(read, Read)
        waiting.append(torch.from_numpy(read.pixels))
        if len(waiting) == pace.batch_size:
            with torch.inference_mode():
                model.network(torch.stack(waiting)).softmax(-1).topk(5)
            waiting.clear()


def explain(model: LoadedModel, listing: Listing, request: Request, pace: Pace, write: WriteOptions) -> None:
    """Do all that `vitexplain batch` does once the model is loaded."""
    out = write.folder
    manifest = Manifest.of("photos", model, request, write)
    with run_folder(out, manifest, listing.pictures) as done, LinesSink(write, named(listing.pictures)) as sink:
        assert not done.paths
        engine = Engine(model, request, pace, sink, report=lambda _: None, stop=lambda: False)
        tally = engine.run(listing.pictures)
    assert tally.explained == len(listing.pictures)


def cpu_seconds() -> float:
    """Return the processor time of this process and of the workers that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--overlay", choices=("png", "none"), default="png")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    width, _, height = options.size.partition("x")
    keep_freed_memory()  # for both
    model = load_model("builtin")
    request = Request(parse_methods(["rollout"]))
    pace = Pace(options.batch_size, options.workers)
    count = options.count // options.batch_size * options.batch_size
    with tempfile.TemporaryDirectory() as place:
        folder = write_photos(Path(place) / "photos", count, int(width), int(height))
        listing = list_pictures(str(folder), Path(place) / "out")
        runs: list[tuple[float, ...]] = []
        for number in range(options.rounds):
            start, cpu = time.perf_counter(), cpu_seconds()
            classify(model, listing, request, pace)
            middle, cpu_middle = time.perf_counter(), cpu_seconds()
            write = WriteOptions(Path(place) / f"out{number}", record=False, overlay=options.overlay != "none")
            explain(model, listing, request, pace, write)
            end, cpu_end = time.perf_counter(), cpu_seconds()
            bare, full = count / (middle - start), count / (end - middle)
            bare_cpu, full_cpu = 1e3 * (cpu_middle - cpu) / count, 1e3 * (cpu_end - cpu_middle) / count
            runs.append((bare, full, full / bare, bare_cpu, full_cpu, bare_cpu / full_cpu))
            print(f"  {bare:.1f} images/s bare, {full:.1f} explained: {full / bare:.1%}", flush=True)
    bare, full, ratio, bare_cpu, full_cpu, cpu_ratio = (statistics.median(column) for column in zip(*runs, strict=True))
    print(
        f"{count} JPEGs of {options.size}, batch {pace.batch_size}, {pace.workers} workers, "
        f"overlay {options.overlay}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}: bare {bare:.1f}, batch {full:.1f} images/s, "
        f"ratio {ratio:.1%} ({min(run[2] for run in runs):.1%} to {max(run[2] for run in runs):.1%}); "
        f"processor time {bare_cpu:.0f} and {full_cpu:.0f} ms an image, ratio {cpu_ratio:.1%}"
    )


if __name__ == "__main__":
    main()
