"""JSON Lines: one record per line; read from files whose last line may be torn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vitexplain.result import dump

_LONGEST = 64 * 2**20
"""Lines of more bytes count as torn: no record is as long."""


def line(record: Mapping[str, Any]) -> bytes:
    """Return the record as one line of ASCII JSON with its end."""
    return dump(record).encode("ascii") + b"\n"


def read_lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield every whole record and the offset in bytes after its line; stop at the first line that is not whole.

    A run that was killed while it wrote leaves at most one torn line, the last: a resumed run cuts the file at the last
    offset.
    """
    end = 0
    with path.open("rb") as file:
        while text := file.readline(_LONGEST):
            end += len(text)
            if not text.endswith(b"\n"):
                return
            try:
                record = json.loads(text)
            except (ValueError, RecursionError):
                return
            if not isinstance(record, dict):
                return
            yield record, end
