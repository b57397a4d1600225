"""Removing what a batch wrote in numbered parts."""

from __future__ import annotations

import re

from vitexplain.batch.entries import PARTS
from vitexplain.output import Destination

_NUMBERED = re.compile(r"(pictures|scores)/\d{5,}-\d{5,}[./]|parts/part-\d{5,}-\d{5,}\.")


def remove_parts(destination: Destination) -> None:
    """Remove every part: its entry first, without which the rest no longer counts, then its table and its pictures."""
    for folder in (PARTS, "pictures", "scores"):
        names = [name for name in destination.names(folder) if _NUMBERED.match(name)]
        for name in sorted(names, key=lambda name: not name.endswith(".json")):
            destination.remove(name)
