"""The same files as a folder, a tar and a table: python -m tests.benchmarks.batch_sources [COUNT]

Of COUNT files one in ten is broken. For each kind of source: seconds to list it, files/s that one process reads and
decodes, seconds of `batch` with a tiny model and two workers; and whether the records are the folder's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.batch.sources.containers import JOB
from tests.batch.sources.same_records import explain, records, write_all
from tests.tiny_folder import write_tiny_folder
from vitexplain.batch.sources.given import sources_of
from vitexplain.batch.sources.source import whole
from vitexplain.batch.worker import read


def measure(count: int, place: Path) -> None:
    """Print a line for each kind of source."""
    model = write_tiny_folder(place / "tiny")
    first = None
    for kind, source in write_all(place, count - count // 10, count // 10).items():
        started = time.perf_counter()
        listing = whole(sources_of([str(source)]))
        listed = time.perf_counter() - started
        started = time.perf_counter()
        for each in listing.pictures:
            read(each, JOB)
        rate = len(listing.pictures) / (time.perf_counter() - started)
        started = time.perf_counter()
        ended = explain(source, place / f"out {kind}", model)
        seconds = time.perf_counter() - started
        found = list(records(place / f"out {kind}"))
        first = first or found
        same = "the same" if found == first else "DIFFER"
        print(
            f"{kind:8} listed in {listed:.3f} s, {rate:,.0f} read/s, batch {seconds:.1f} s, records {same}: "
            f"{ended.out.partition(':')[0]}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=2000)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().count, Path(folder))
