"""The cost of a report: seconds to write it, its size, and how soon Chromium shows it.

python -m tests.benchmarks.report_page [COUNT] explains the sample photographs once, then makes COUNT records of them
(2,000 by default), each with a picture file of its own, and reports on these. The browser's part needs playwright.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.cli.command_line import command_line
from tests.report.browser import opened_browser, why_not
from vitexplain.output import line
from vitexplain.report import Pictures, write_report

SAMPLES = Path(__file__).parents[2] / "sample_images"


def write_many(place: Path, count: int) -> Path:
    """Write a batch of `count` pictures: the samples again and again, a few bytes after the end of each file."""
    for path in SAMPLES.glob("*.jpg"):
        (place / "few" / path.name).parent.mkdir(exist_ok=True)
        (place / "few" / path.name).write_bytes(path.read_bytes())
    assert command_line("batch", place / "few", "-o", place / "small", "-m", "rollout", "-m", "attn-lrp").code == 0
    few = [json.loads(each) for each in (place / "small" / "records.jsonl").read_text().splitlines()]
    out = place / "out"
    (place / "many").mkdir()
    out.mkdir()
    (out / "records.jsonl").write_bytes(b"".join(map(line, _records(few, place, out, count))))
    return out


def _records(few: list[dict[str, Any]], place: Path, out: Path, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        record = json.loads(json.dumps(few[number % len(few)]))
        data = Path(record["image"]["path"]).read_bytes() + str(number).encode()
        path = place / "many" / f"{number}.jpg"
        path.write_bytes(data)
        record["image"] |= {"path": str(path), "sha256": hashlib.sha256(data).hexdigest()}
        record["predictions"][0]["probability"] = number / count
        for each in record["explanations"]:
            for kind, name in each["files"].items():
                each["files"][kind] = f"{number}-{name}"
                os.link(place / "small" / name, out / f"{number}-{name}")
        yield record


def measure_browser(path: Path) -> None:
    """Print how soon the page is painted and can be used."""
    with opened_browser() as browser:
        for _ in range(3):
            tab = browser.new_page(viewport={"width": 1280, "height": 860})
            started = time.perf_counter()
            tab.goto(path.as_uri())
            tab.wait_for_selector(".tile")
            ready = time.perf_counter() - started
            paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
            started = time.perf_counter()
            tab.select_option("#sort", "most")
            tab.fill("#search", "1")
            filtered = (time.perf_counter() - started) / 2
            started = time.perf_counter()
            tab.click("#tab-summary")
            summary = time.perf_counter() - started
            elements = tab.evaluate("document.querySelectorAll('*').length")
            heap = tab.evaluate("performance.memory.usedJSHeapSize") / 1e6
            print(
                f"first paint {paint:.0f} ms, tiles after {ready:.2f} s, sort or search {filtered:.2f} s, "
                f"summary {summary:.2f} s, {elements:,} elements, {heap:.0f} MB of JavaScript"
            )
            tab.close()


def main() -> None:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with TemporaryDirectory() as name:
        out = write_many(Path(name), count)
        for words, pictures in (("first", Pictures()), ("again", Pictures()), ("embedded", Pictures(embed=True))):
            started = time.perf_counter()
            written = write_report(out, pictures)
            seconds = time.perf_counter() - started
            copies = sum(path.stat().st_size for path in out.glob("report/*"))
            size = written.path.stat().st_size
            print(
                f"{words}: {count:,} images in {seconds:.1f} s, page {size / 1e6:.1f} MB, copies {copies / 1e6:.1f} MB"
            )
            if words != "again" and not why_not():
                measure_browser(written.path)


if __name__ == "__main__":
    main()
