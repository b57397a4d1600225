"""How many images were explained and how many failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vitexplain.batch.resume import Done


@dataclass
class Tally:
    """The counts of a run; `notices`: of how many images each notice is true."""

    explained: int = 0
    failed: int = 0
    stopped: bool = False
    notices: Counter[str] = field(default_factory=Counter)

    def add(self, done: Done) -> None:
        """Count what earlier runs left, too."""
        self.explained += done.explained
        self.failed += done.failed
        self.notices += done.notices
