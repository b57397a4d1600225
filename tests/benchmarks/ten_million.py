"""The plan for ten million pictures, computed from measured stages: python -m tests.benchmarks.ten_million [FIGURES]

FIGURES is what `python -m tests.benchmarks.stage_costs --json FILE` wrote; by default those measured for the guide's
page `plan`, which shows what this prints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGES = 10_000_000
MEASURED = Path(__file__).with_name("stage_costs.json")
SIZES = {"640x480": "640 pixels", "1600x1200": "1,600 pixels"}
READ = ("read", "decode", "pixels")
SAFETY = 0.8
"""Share of the processors' time that is taken to be of use."""


def main() -> None:
    """Print the tables of the page."""
    figures = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else MEASURED).read_text("utf-8"))
    print("\n".join(tables(figures)))


def tables(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page's tables."""
    yield from _stages(figures)
    yield ""
    yield from _hours(figures)
    yield ""
    yield from _beside_a_gpu(figures)
    yield ""
    yield from _stored(figures)
    yield ""
    yield from _requests()


def _stages(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"| ms of one core, an image | {' | '.join(SIZES.values())} |"
    yield "|---|---|---|"
    rows = {
        "read and decode": ("read", "decode"),
        "pixels for the model": ("pixels",),
        "classify alone (built-in model, batch 8)": ("classify",),
        "predictions and the default method": ("default",),
        "predictions and `rollout`": ("rollout",),
        "record, as a line": ("record", "jsonl"),
        "record, in Parquet": ("record", "parquet"),
    }
    for name, stages in rows.items():
        yield _row(name, [f"{_sum(figures[size], stages):.1f}" for size in SIZES])
    for form in ("png", "jpg", "webp"):
        each = [figures[size]["milliseconds"] for size in SIZES]
        yield _row(f"overlay, {form}", [f"{times[form] - times['record']:.1f}" for times in each])


def _hours(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"| core hours for {IMAGES:,} images | {' | '.join(SIZES.values())} |"
    yield "|---|---|---|"
    for name, stages in {
        "default method, PNG overlays": ("default", "png", "jsonl"),
        "default method, WebP overlays, Parquet": ("default", "webp", "parquet"),
        "default method, no overlays, Parquet": ("default", "record", "parquet"),
        "`rollout`, no overlays, Parquet": ("rollout", "record", "parquet"),
    }.items():
        hours = [_sum(figures[size], (*READ, *stages)) * IMAGES / 3.6e6 / SAFETY for size in SIZES]
        yield _row(name, [f"{each:,.0f}" for each in hours])


def _stored(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"| GB for {IMAGES:,} images | {' | '.join(SIZES.values())} |"
    yield "|---|---|---|"
    for name, kind in {
        "pictures, JPEG (read)": "picture",
        "records, JSON Lines": "jsonl",
        "records, Parquet": "parquet",
        "overlays, PNG": "png",
        "overlays, JPEG": "jpg",
        "overlays, WebP": "webp",
    }.items():
        stored = [figures[size]["bytes"][kind] * IMAGES / 1e9 for size in SIZES]
        yield _row(name, [f"{each:,.0f}" for each in stored])


def _beside_a_gpu(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"| cores beside a GPU that explains 1,000 images/s | {' | '.join(SIZES.values())} |"
    yield "|---|---|---|"
    for name, stages in {
        "no overlays, Parquet": ("record", "parquet"),
        "JPEG overlays, Parquet": ("jpg", "parquet"),
        "PNG overlays, Parquet": ("png", "parquet"),
    }.items():
        cores = [_sum(figures[size], (*READ, *stages)) / SAFETY for size in SIZES]
        yield _row(name, [f"{each:,.0f}" for each in cores])


def _requests() -> Iterator[str]:
    yield "| objects written, and entries read to resume | parts of 500 | parts of 5,000 |"
    yield "|---|---|---|"
    for name, objects in {"tables and entries": 2, "with overlays in tars": 3, "with raw scores, too": 4}.items():
        yield _row(name, [f"{IMAGES // size * objects:,}" for size in (500, 5_000)])
    yield _row("with an object for each overlay", [f"{IMAGES + IMAGES // size * 2:,}" for size in (500, 5_000)])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _sum(figures: Mapping[str, Any], stages: tuple[str, ...]) -> float:
    return sum(float(figures["milliseconds"][stage]) for stage in stages)


if __name__ == "__main__":
    main()
