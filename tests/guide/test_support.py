"""The table of families is what its script makes of the figures that the contract counted."""

from __future__ import annotations

import json
from typing import Any

from tests.benchmarks.contract_table import FIGURES, counted, reasons, table
from tests.guide.documents import PAGES, text_of


def test_the_table_is_that_of_the_script() -> None:
    (page,) = (page for page in PAGES if page.stem == "support")
    lines = text_of(page).splitlines()
    begin = lines.index("| family | names | graph | class | proved |")
    shown = lines[begin : lines.index("", begin)]
    figures = json.loads(FIGURES.read_text("utf-8"))
    assert shown == list(table(figures))
    assert [line for line in lines if line.startswith("- ")] == list(reasons(figures))
    figures["swin_transformer"]["graph"] -= 1
    assert shown != list(table(figures))


def test_names_are_counted_by_family() -> None:
    def row(
        name: str, family: str, methods: tuple[str, ...], reason: str | None, why: dict[str, str]
    ) -> dict[str, object]:
        return {
            "name": name,
            "family": family,
            "transformer": family != "c",
            "methods": methods,
            "reason": reason,
            "refused": why,
        }

    graph = ("raw", "rollout", "flow", "relevance")
    rows = [
        row("a1", "a", graph, None, {"legrad": "no"}),
        row("a2", "a", graph, None, {}),
        row("b1", "b", ("input-gradient",), None, {"rollout": "no graph: use another"}),
        row("c1", "c", (), "no attention", {}),
    ]
    proved: dict[str, Any] = {"a1": {"checks": {"edges": True}}, "a2": {"checks": {"edges": "AssertionError"}}}
    found = counted(rows, proved)
    assert found["a"] == {
        "transformer": True,
        "names": 2,
        "graph": 2,
        "class_specific": 2,
        "held": 1,
        "failed": 1,
        "why": {},
    }
    assert (found["b"]["graph"], found["b"]["class_specific"], found["b"]["why"]) == (0, 1, {"no graph": 1})
    assert list(table(found)) == [
        "| family | names | graph | class | proved |",
        "|---|---|---|---|---|",
        "| `a` | 2 | 2 | 2 | 1 |",
        "| `b` | 1 | 0 | 1 | 0 |",
        "| 1 others, without attention | 1 | 0 | 0 | 0 |",
        "| families with attention or what stands in for it | 3 | 2 | 3 | 1 |",
        "| all | 4 | 2 | 3 | 1 |",
    ]
    assert list(reasons(found)) == ["- no graph: `b` (1)"]
