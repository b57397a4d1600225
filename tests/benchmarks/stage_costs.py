"""What one image costs, stage by stage, in processor time and bytes: python -m tests.benchmarks.stage_costs

Each stage is run by itself, on one thread, on cuts of the sample photographs; the median over the images of the least
of three turns. The plan for large data sets (guide page `scale`) is computed from these figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.photo_folder import write_photos
from vitexplain.batch.parts import PART_SIZE
from vitexplain.batch.sinks.tables import TABLES, Table
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.images import Picture, open_picture, prepare
from vitexplain.models import LoadedModel, load_model
from vitexplain.output import WriteOptions, line
from vitexplain.output.contents import contents_of
from vitexplain.pipeline import Request, chosen_methods, explain_batch
from vitexplain.result import Result

TURNS = 3
BATCH = 8
SIZES = ((640, 480), (1600, 1200))


def milliseconds(work: Callable[[], Any]) -> float:
    """Return the least processor time of three turns."""
    found = []
    for _ in range(TURNS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return 1e3 * min(found)


def pictures_of(paths: list[Path]) -> tuple[dict[str, float], dict[str, float], list[Picture]]:
    """Return milliseconds and bytes of reading and decoding, and the pictures."""
    opened = [open_picture(path) for path in paths]
    read = [milliseconds(path.read_bytes) for path in paths]
    decode = [milliseconds(partial(open_picture, path)) for path in paths]
    times = {"read": statistics.median(read), "decode": statistics.median(decode) - statistics.median(read)}
    return times, {"picture": statistics.mean(path.stat().st_size for path in paths)}, opened


def explained(model: LoadedModel, pictures: list[Picture], spec: str | None) -> tuple[float, list[Result]]:
    """Return the milliseconds an image of the forward pass and the methods, and the results."""
    request = Request(chosen_methods([spec] if spec else [], {})).for_model(model)
    prepared = [(picture, *prepare(picture, model.preprocess)) for picture in pictures]
    times, results = [], list[Result]()
    for start in range(0, len(prepared) - BATCH + 1, BATCH):
        batch = prepared[start : start + BATCH]
        times.append(milliseconds(partial(explain_batch, model, batch, request, [0.0] * BATCH)))
        results += explain_batch(model, batch, request, [0.0] * BATCH)
    return statistics.median(times) / BATCH, results


def plain(model: LoadedModel, pictures: list[Picture]) -> float:
    """Return the milliseconds an image of classifying alone."""
    pixels = torch.stack([torch.from_numpy(prepare(picture, model.preprocess)[0]) for picture in pictures[:BATCH]])
    with torch.inference_mode():
        return milliseconds(lambda: model.network(pixels)) / BATCH


def written(results: list[Result], **options: Any) -> tuple[float, dict[str, float]]:
    """Return the milliseconds an image of drawing and encoding, and the bytes of the files and of the record."""
    write = replace(WriteOptions(Path()), **options)
    times = [milliseconds(partial(contents_of, each, write, "image")) for each in results]
    made = [contents_of(each, write, "image") for each in results]
    files = statistics.mean(sum(len(file.data) for file in each.files) for each in made)
    return statistics.median(times), {
        "files": files,
        "record": statistics.mean(len(line(each.record)) for each in made),
    }


def tabled(table: Table, results: list[Result]) -> tuple[float, float]:
    """Return the milliseconds and bytes a record of one part's table."""
    records = [contents_of(each, WriteOptions(Path(), overlay=False), "image").record for each in results]
    part = (records * (PART_SIZE // len(records) + 1))[:PART_SIZE]
    # The same few records again and again would compress too well.
    apart = len(table.encode(records)) / len(records)
    return milliseconds(partial(table.encode, part)) / PART_SIZE, apart


def listing(count: int) -> dict[str, float]:
    """Return the seconds and bytes of memory that listing a folder takes, for each picture."""
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            path = Path(place) / f"{number // 1000:03}" / f"{number:06}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.touch()
        tracemalloc.start()
        started = time.process_time()
        found = list_pictures(place, Path(place) / "out")
        seconds, (memory, _) = time.process_time() - started, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(found.pictures) == count
    return {"milliseconds": 1e3 * seconds / count, "bytes": memory / count}


def measured(width: int, height: int, count: int) -> dict[str, Any]:
    """Return the figures for JPEGs of one size."""
    model = load_model("builtin")
    with tempfile.TemporaryDirectory() as place:
        folder = write_photos(Path(place), count, width, height)
        times, sizes, pictures = pictures_of(sorted(folder.rglob("*.jpg")))
    prepared = [milliseconds(partial(prepare, each, model.preprocess)) for each in pictures]
    times["pixels"] = statistics.median(prepared)
    times["classify"] = plain(model, pictures)
    times["default"], results = explained(model, pictures, None)
    times["rollout"], _ = explained(model, pictures, "rollout")
    times["record"], made = written(results, overlay=False)
    sizes["record"] = made["record"]
    for form in ("png", "jpg", "webp"):
        times[form], made = written(results, form=form)
        sizes[form] = made["files"]
    for name, table in TABLES.items():
        times[name], sizes[name] = tabled(table, results)
    return {"milliseconds": times, "bytes": sizes}


def main() -> None:
    """Print the figures as JSON, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {"listing": listing(20_000)}
    found |= {f"{width}x{height}": measured(width, height, options.count) for width, height in SIZES}
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
