"""A page about a folder of numbered parts shows what one about a single growing file does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.batch.merging.run_folders import write_lines, write_parts
from vitexplain.report import Report, write_report

KEYS = ("a.jpg", "b/owl.jpg", "c.jpg", "d.jpg", "e.jpg")


def images(folder: Path) -> tuple[list[dict[str, Any]], Report]:
    """Write the page, and return the images that it holds."""
    written = write_report(folder)
    page = (folder / "report.html").read_text()
    (found,) = re.findall(r'<script type="text/plain" id="images-data">(.*?)</script>', page, re.DOTALL)
    return [json.loads(line) for line in found.splitlines()], written


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_parts_are_shown_as_lines_are(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    write_lines(tmp_path / "lines", KEYS)
    write_parts(tmp_path / "parts", (KEYS,), form=form)
    (lines, one), (parts, other) = images(tmp_path / "lines"), images(tmp_path / "parts")
    assert (other.images, other.failed, other.notes) == (one.images, one.failed, one.notes) == (5, 0, ())
    for line, part in zip(lines, parts, strict=True):
        assert line["record"]["image"] == part["record"]["image"]
        assert [each["data"] for each in line["maps"]] == [each["data"] for each in part["maps"]]
        for each in part["maps"]:
            assert (tmp_path / "parts" / each["files"]["overlay"]).is_file()


def test_missing_parts_are_named(tmp_path: Path) -> None:
    write_parts(tmp_path, (KEYS,), failing=["a.jpg"])
    (tmp_path / "parts/part-00000-00001.json").unlink()
    found, written = images(tmp_path)
    assert [each["record"]["image"]["key"] for each in found] == ["a.jpg", "b/owl.jpg", "e.jpg"]
    assert written.failed == 1
    assert any("Parts that are missing: 00000-00001." in note for note in written.notes)
