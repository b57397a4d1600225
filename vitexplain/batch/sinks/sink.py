"""The port of every sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Sink(Protocol):
    """Takes the records in the order of the inputs."""

    def check(self) -> None:
        """Raise OutputError if what was written has been moved or removed."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one record, whole or not at all; OutputError if it cannot be written."""

    def close(self) -> None:
        """Write what remains, and close."""
