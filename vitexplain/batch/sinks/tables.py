"""Tables: the records of one part as one file; one kind of table a class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vitexplain.batch.sinks.sink import Record
from vitexplain.errors import OutputError
from vitexplain.output import line


class Table(Protocol):
    """How the records of a part become a file, and are read again. `ending` is that of its name."""

    ending: str

    def encode(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the file."""

    def decode(self, data: bytes) -> list[Record]:
        """Return the records as they were given; OutputError, without a file's name, if they are damaged."""


class JsonLinesTable:
    """One line of JSON a record."""

    ending = ".jsonl"

    def encode(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the lines."""
        return b"".join(map(line, records))

    def decode(self, data: bytes) -> list[Record]:
        """Return the records in the lines."""
        try:
            found = [json.loads(each) for each in data.splitlines()]
        except (ValueError, RecursionError):
            found = [None]
        if not all(isinstance(each, dict) for each in found):
            raise OutputError("a line in it is no record")
        return found


TABLES: Mapping[str, Table] = {"jsonl": JsonLinesTable()}
"""Every kind of table, by its name in the manifest."""
