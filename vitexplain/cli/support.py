"""`vitexplain models --support`: what works with each of timm's names, computed from the networks themselves."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitexplain.doctor import Support

WIDTH = 80


def print_support(pattern: str | None, *, as_json: bool) -> None:
    """Print a row for each of timm's names that match; ModelError where none does."""
    from dataclasses import asdict

    from vitexplain.cli.console import say
    from vitexplain.cli.progress import ImageProgress
    from vitexplain.doctor import names_like, support
    from vitexplain.errors import ModelError

    names = names_like(pattern)
    if not names:
        raise ModelError(f"no model of timm's matches '{pattern}': give part of a name, or nothing to list them all")
    started = time.perf_counter()
    rows: list[Support] = []
    with ImageProgress(len(names), shown=True, title="building networks", unit="names") as bar:
        for row in support(pattern):
            rows.append(row)
            bar.advance()
            if as_json:
                sys.stdout.write(json.dumps(asdict(row)) + "\n")
                sys.stdout.flush()
    if not as_json:
        _print_families(rows)
    summary = [*totals(rows), f"computed in {time.perf_counter() - started:.0f} s, without weights"]
    if as_json:
        say("; ".join(summary))
        return
    for line in summary:
        _print_wrapped(line)


def totals(rows: Sequence[Support]) -> list[str]:
    """Return in lines for how many names graph methods and class-specific ones work."""
    return [
        f"{what}: {len(some):,} names, graph methods for {sum(row.has_graph for row in some):,}, class-specific "
        f"methods for {sum(row.has_class_specific for row in some):,}"
        for what, some in (
            ("with attention or what stands in for it", [row for row in rows if row.transformer]),
            ("all", rows),
        )
    ]


def answer(row: Support) -> list[str]:
    """Return in lines which methods work with a name, and why the others do not."""
    if row.reason is not None:
        return [f"none: {row.reason}"]
    works = f"all but {', '.join(row.refused)}" if len(row.refused) < len(row.methods) else ", ".join(row.methods)
    by_reason: dict[str, list[str]] = {}
    for spec, why in row.refused.items():
        by_reason.setdefault(why, []).append(spec)
    return [works if row.refused else "all", *(_reason(specs, why) for why, specs in by_reason.items())]


def _reason(specs: Sequence[str], why: str) -> str:
    """Return a reason without what to use instead, behind the methods that it is about unless it begins with them."""
    why = re.split("[:;] use ", why)[0]
    named = len(specs) == 1 and why.startswith((specs[0], specs[0].rpartition(":")[2]))
    return why if named else f"{', '.join(specs)}: {why}"


def _print_families(rows: Sequence[Support]) -> None:
    """Print each family's names under what works with them."""
    from vitexplain.cli.console import print_line, print_table

    blocks: dict[tuple[str, tuple[str, ...]], list[Support]] = {}
    for row in sorted(rows, key=lambda row: row.family):
        blocks.setdefault((row.family, tuple(answer(row))), []).append(row)
    for (family, lines), some in blocks.items():
        _print_wrapped(f"{family}, methods: {lines[0]}", *lines[1:])
        if some[0].reason is None:
            print_table(("  name", "levels>", "layers>", "pixels>", "also"), [_cells(row) for row in some])
        else:
            for row in some:
                print_line(f"  {row.name}")
        print_line()


def _cells(row: Support) -> tuple[str, int, int, str, str]:
    assert row.size is not None
    also = "" if row.multiples is None else f"multiples of {_sides(row.multiples)}"
    return f"  {row.name}", len(row.grids), row.layers, _sides(row.size), also


def _sides(sides: Iterable[int]) -> str:
    return "x".join(map(str, dict.fromkeys(sides)))


def _print_wrapped(*lines: str) -> None:
    from vitexplain.cli.console import print_line

    for line in lines:
        for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False):
            print_line(part)
