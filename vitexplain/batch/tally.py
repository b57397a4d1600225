"""How many images were explained and how many failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitexplain.batch.resume import Done, notices_in


@dataclass
class Tally:
    """The counts of a run; `notices`: of how many images each notice is true."""

    explained: int = 0
    failed: int = 0
    stopped: bool = False
    notices: Counter[str] = field(default_factory=Counter)

    def count(self, record: Mapping[str, Any]) -> None:
        """Count one record."""
        self.notices.update(notices_in(record))
        if "error" in record:
            self.failed += 1
        else:
            self.explained += 1

    def add(self, done: Done | Tally) -> None:
        """Count what earlier runs left, too."""
        self.explained += done.explained
        self.failed += done.failed
        self.notices += done.notices
