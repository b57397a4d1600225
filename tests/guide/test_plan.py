"""The plan's tables are what its script computes from the figures that were measured."""

from __future__ import annotations

import json

from tests.benchmarks.ten_million import MEASURED, tables
from tests.guide.documents import PAGES, text_of


def test_the_tables_are_those_of_the_script() -> None:
    (page,) = (page for page in PAGES if page.stem == "plan")
    shown = [line for line in text_of(page).splitlines() if line.startswith("|")]
    figures = json.loads(MEASURED.read_text("utf-8"))
    assert shown == [line for line in tables(figures) if line]
    figures["640x480"]["milliseconds"]["default"] *= 1.1
    assert shown != [line for line in tables(figures) if line]
