"""Memory of a long batch: python -m tests.benchmarks.batch_memory

1,000 JPEGs of 64 pixels through the built-in model by its default method, or those of `--method`; printed is the peak
of the resident memory after the first 50 and at the end. The goal is a difference of at most 50 MB, and at most 1.5 GB.
Parts: --count 10000 --first 1000 --part-size 500 --tiny --method rollout
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.photo_folder import write_photos
from tests.tiny_folder import write_tiny_folder
from vitexplain.batch.engine import Engine, Pace
from vitexplain.batch.layout import Layout
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.opening import opened
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.batch.sources.source import Listed
from vitexplain.cli.allocation import keep_freed_memory
from vitexplain.models import load_model
from vitexplain.output import FolderDestination, WriteOptions
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
    parser.add_argument("--tiny", action="store_true", help="a random model of two layers instead")
    parser.add_argument("--part-size", type=int, help="numbered parts instead of one growing file")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    tiny = tempfile.TemporaryDirectory()
    model = load_model(str(write_tiny_folder(Path(tiny.name) / "tiny")) if options.tiny else options.model)
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
        layout = Layout(options.part_size) if options.part_size else None
        manifest = Manifest.of("photos", model, request, write, layout=layout)
        units = [Listed("", listing)]
        with opened(FolderDestination(out)) as output, output.begun(manifest, units):
            work = output.work(units, layout)
            with work.begun(write, lambda _total, _done: None) as (sink, left):
                engine = Engine(model, request, Pace(8, 1), sink, report=report, stop=lambda: False)
                assert engine.run(left).explained == options.count
    tiny.cleanup()
    print(f"{options.count} images: {peaks[0]:.0f} MB after {options.first}, {peaks[-1]:.0f} MB at the end")


if __name__ == "__main__":
    main()
