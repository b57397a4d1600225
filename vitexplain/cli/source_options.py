"""The options of what a batch reads: which files, in which order, with which labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vitexplain.cli.groups import INPUT, Group, option

if TYPE_CHECKING:
    from vitexplain.batch.sources.given import GivenSource


@dataclass(frozen=True)
class SourceOptions(Group):
    """What of the folders, files, tars and tables is read."""

    panel: ClassVar[str] = INPUT
    listed: str | None = option(
        None, "Explain what this list names, too, one a line; - is standard input.", flags=("--from",), metavar="FILE"
    )
    null: bool = option(False, "Zero bytes end the names of the list, as find -print0 writes them.", short="-0")
    include: list[str] = option(
        [], "Only files that such a pattern is about, as in .gitignore. Repeatable.", metavar="GLOB", shown=False
    )
    exclude: list[str] = option(
        [], "No files that such a pattern is about; takes precedence. Repeatable.", metavar="GLOB", shown=False
    )
    class_from: str | None = option(
        None,
        "Where the true class of a picture stands: parent (its folder), none, a column of the table, or what is beside "
        "it in the tar: cls, a field of its .json.",
        metavar="parent|none|NAME",
        shown="cls, label or class",
    )
    image_column: str | None = option(None, "The column of pictures in tables.", metavar="NAME", expert=True)

    def source(self, given: Sequence[str], out: str | Path | None) -> GivenSource:
        """Return all that is given as one source; errors as those of `sources_of`."""
        from vitexplain.batch.sources.given import SourceOptions as Options
        from vitexplain.batch.sources.given import sources_of

        options = Options(
            tuple(self.include), tuple(self.exclude), self.listed, self.null, self.class_from, self.image_column
        )
        return sources_of(given, options, None if out is None else str(out))
