"""The guide's table of families, from what the contract counted: python -m tests.benchmarks.contract_table

`python -m tests.benchmarks.contract --figures` writes the counts to contract.json.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitexplain.doctor.supported import CLASS_SPECIFIC, GRAPH

FIGURES = Path(__file__).with_name("contract.json")


def main() -> None:
    """Print the table."""
    figures = json.loads(FIGURES.read_text("utf-8"))
    print("\n".join([*table(figures), "", *reasons(figures)]))


def counted(rows: Sequence[Mapping[str, Any]], proved: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return by family how many names there are, with which methods, why not, and for how many the contract held."""
    families: dict[str, Any] = {}
    for row in rows:
        family = families.setdefault(
            row["family"],
            {"transformer": False, "names": 0, "graph": 0, "class_specific": 0, "held": 0, "failed": 0, "why": {}},
        )
        methods, checks = set(row["methods"]), proved.get(row["name"], {}).get("checks", {})
        family["transformer"] |= row["transformer"]
        family["names"] += 1
        family["graph"] += methods.issuperset(GRAPH)
        family["class_specific"] += not methods.isdisjoint(CLASS_SPECIFIC)
        family["held"] += bool(checks) and all(said is True for said in checks.values())
        family["failed"] += any(said is not True for said in checks.values())
        reason = row["reason"] or row["refused"].get("rollout")
        if reason:
            reason = reason.rpartition("the model has none: ")[2].partition(": use ")[0]
            family["why"] = dict(Counter(family["why"]) + Counter({reason: 1}))
    return families


def table(families: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table: families with attention, then all others in one row, then the sums."""
    yield "| family | names | graph | class | proved |"
    yield "|---|---|---|---|---|"
    shown = {name: each for name, each in sorted(families.items()) if each["transformer"]}
    rest = [each for each in families.values() if not each["transformer"]]
    for name, family in shown.items():
        yield _row(f"`{name}`", [family])
    yield _row(f"{len(rest)} others, without attention", rest)
    yield _row("families with attention or what stands in for it", list(shown.values()))
    yield _row("all", list(families.values()))


def reasons(families: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each reason why names with attention have no graph methods, with the families it is about."""
    by_reason: dict[str, list[str]] = {}
    for name, family in sorted(families.items()):
        for reason, count in family["why"].items() if family["transformer"] else ():
            by_reason.setdefault(reason, []).append(f"`{name}` ({count})")
    for reason, names in sorted(by_reason.items()):
        yield f"- {reason}: {', '.join(names)}"


def _row(name: str, families: Sequence[Mapping[str, Any]]) -> str:
    sums = [sum(family[key] for family in families) for key in ("names", "graph", "class_specific", "held")]
    return f"| {name} | {' | '.join(f'{number:,}' for number in sums)} |"


if __name__ == "__main__":
    main()
