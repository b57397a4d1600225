"""The same files as a folder, a tar and a table: python -m tests.benchmarks.batch_sources [COUNT]

Of COUNT files one in ten is broken. For each kind of source: seconds to list it, files/s that one process reads and
decodes, seconds of `batch` with a tiny model; and whether the records are the folder's. With --bytes SIZE: how fast
bytes are read, and what a remote store is asked for.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.batch.sources.containers import JOB, table_at, tar_of
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


def read_bytes(count: int, size: int, place: Path) -> None:
    """Print, for each kind of source, how fast the bytes of pictures are read, and what a remote store is asked for."""
    import fsspec

    from tests.batch.sources.counted_store import Counted

    fsspec.register_implementation("counted", Counted, clobber=True)
    generator = random.Random(0)
    pictures = {f"{number:05}.jpg": generator.randbytes(size) for number in range(count)}
    (place / "photos").mkdir()
    for name, data in pictures.items():
        (place / "photos" / name).write_bytes(data)
        Counted().pipe(f"/x/photos/{name}", data)
    (place / "x.tar").write_bytes(tar_of(pictures.items()))
    (place / "x.tar.gz").write_bytes(tar_of(pictures.items(), "w:gz"))
    table_at(place / "x.parquet", {"image": list(pictures.values())}, 100)
    for name in ("x.tar", "x.tar.gz", "x.parquet"):
        Counted().pipe(f"/x/{name}", (place / name).read_bytes())
    total = count * size
    for above in (str(place), "counted://x"):
        for name in ("photos", "x.tar", "x.tar.gz", "x.parquet"):
            Counted.requests.clear()
            started = time.perf_counter()
            found = whole(sources_of([f"{above}/{name}"])).pictures
            listed, requests, moved = time.perf_counter() - started, len(Counted.requests), sum(Counted.requests)
            Counted.requests.clear()
            started = time.perf_counter()
            for each in found:
                assert len(Path(each.path).read_bytes() if each.place is None else each.place.read()) == size
            seconds = time.perf_counter() - started
            kind = "remote" if "://" in above else "local"
            print(
                f"{kind:7} {name:10} listed in {listed:.3f} s ({requests} requests, {moved / total:.2f} of the bytes), "
                f"{total / 2**20 / seconds:,.0f} MiB/s, {1000 * seconds / count:.2f} ms a picture "
                f"({len(Counted.requests) / count:.2f} requests, {sum(Counted.requests) / total:.2f} of the bytes)",
                flush=True,
            )
    Counted.empty()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("--bytes", type=int, help="only read COUNT pictures of so many bytes, also from a remote store")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.bytes:
            read_bytes(asked.count, asked.bytes, Path(folder))
        else:
            measure(asked.count, Path(folder))
