"""Memory of a long batch: python -m tests.benchmarks.batch_memory

1,000 JPEGs of 64 pixels through the built-in model by its default method, or those of `--method`; printed is the peak
of the resident memory after the first 50 and at the end. The goal is a difference of at most 50 MB, and at most 1.5 GB.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.photo_folder import write_photos
from vitexplain.batch.engine import Engine, Pace
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.naming import named
from vitexplain.batch.opening import run_folder
from vitexplain.batch.sinks.lines import LinesSink
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.cli.allocation import keep_freed_memory
from vitexplain.models import load_model
from vitexplain.output import WriteOptions
from vitexplain.pipeline import Request, chosen_methods


def peak() -> float:
    """Return the highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=50)
    parser.add_argument("--method", action="append", default=[])
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    model = load_model(options.model)
    request = Request(chosen_methods(options.method, {})).for_model(model)
    seen = 0
    peaks: list[float] = []

    def report(_record: Mapping[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen % options.first == 0:
            peaks.append(peak())
            print(f"  {seen} images: peak {peaks[-1]:.0f} MB", flush=True)

    with tempfile.TemporaryDirectory() as place:
        folder = write_photos(Path(place) / "photos", options.count, 64, 64)
        out = Path(place) / "out"
        listing = list_pictures(str(folder), out)
        write = WriteOptions(out, record=False)
        manifest = Manifest.of("photos", model, request, write)
        with run_folder(out, manifest, listing.pictures), LinesSink(write, named(listing.pictures)) as sink:
            engine = Engine(model, request, Pace(8, 1), sink, report=report, stop=lambda: False)
            engine.run(listing.pictures)
    print(f"{options.count} images: {peaks[0]:.0f} MB after {options.first}, {peaks[-1]:.0f} MB at the end")


if __name__ == "__main__":
    main()
