"""The options of `graph` alone: what of the graph is shown, and what kind of file it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.cli.figure_output import check_choice, format_option
from vitexplain.cli.groups import METHOD, OUTPUT, Group, option
from vitexplain.errors import UsageError

DRAWINGS, EXPORTS = ("svg", "png", "pdf"), ("graphml", "json", "dot")


@dataclass(frozen=True)
class PathOptions(Group):
    """What of the graph is shown."""

    panel: ClassVar[str] = METHOD
    top: int | None = option(
        None,
        "Number of paths, the strongest of rollout or the widest of the flow. By default a drawing has 50, an export "
        "the whole graph (more than 100,000 edges only with --all).",
        low=1,
        high=100_000,
    )
    flow_to: str | None = option(
        None, "Show the maximum flow to this patch, counted from 0, and its minimum cut.", metavar="ROW,COL"
    )

    @property
    def patch(self) -> tuple[int, int] | None:
        """The row and column of --flow-to; UsageError if it is not ROW,COL."""
        if self.flow_to is None:
            return None
        row, _, col = self.flow_to.partition(",")
        if not (row.isascii() and row.isdigit() and col.isascii() and col.isdigit()):
            raise UsageError(f"flow-to '{self.flow_to}' is not valid: expected ROW,COL of a patch, counted from 0")
        return int(row), int(col)


@dataclass(frozen=True)
class ExportOptions(Group):
    """What kind of file the graph becomes."""

    panel: ClassVar[str] = OUTPUT
    form: str = format_option("svg", "png, svg or pdf; or an export: graphml, json (networkx' node-link form), dot")
    everything: bool = option(False, "Export more than 100,000 edges.", flags=["--all"])

    def check(self, top: int | None) -> None:
        """Raise UsageError for an unknown format, and for --all unless the whole graph is exported."""
        check_choice("format", self.form, (*DRAWINGS, *EXPORTS))
        if self.everything and (self.form in DRAWINGS or top is not None):
            raise UsageError("--all exports the whole graph: leave out --top, and give --format graphml, json or dot")
