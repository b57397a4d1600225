"""How many images were explained and how many failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitexplain.batch.resume import Done, notices_in, verdicts_in


@dataclass
class Tally:
    """The counts of a run; `notices`: of how many images each notice is true, `truths`: of how many each verdict."""

    explained: int = 0
    failed: int = 0
    stopped: bool = False
    notices: Counter[str] = field(default_factory=Counter)
    truths: Counter[str] = field(default_factory=Counter)

    def count(self, record: Mapping[str, Any]) -> None:
        """Count one record."""
        self.notices.update(notices_in(record))
        self.truths.update(verdicts_in(record))
        if "error" in record:
            self.failed += 1
        else:
            self.explained += 1

    def add(self, done: Done | Tally) -> None:
        """Count what earlier runs left, too."""
        self.explained += done.explained
        self.failed += done.failed
        self.notices += done.notices
        self.truths += done.truths

    @property
    def accuracy(self) -> str | None:
        """How many of the first predictions are the label that came with the picture, in words; None: none came."""
        right, wrong, none = (self.truths[verdict] for verdict in ("right", "wrong", "no class"))
        if not self.truths:
            return None
        known = right + wrong
        left = f"{none:,} labels are no class of the model" if none != 1 else "1 label is no class of the model"
        if not known:
            return f"accuracy unknown: {left}"
        share = f"accuracy {right / known:.1%}: {right:,} of {known:,} first predictions are the label of the picture"
        return f"{share}; {left}" if none else share
