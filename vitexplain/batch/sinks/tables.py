"""Tables: the records of one part as one file; one kind of table a class."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vitexplain.batch.sinks.sink import Record
from vitexplain.errors import InputError, OutputError
from vitexplain.output import line
from vitexplain.output.parquet_rows import row_of
from vitexplain.output.parquet_schema import arrow
from vitexplain.output.parquet_table import ROWS, ParquetReader, ParquetWriter


class Table(Protocol):
    """How the records of a part become a file, and are read again. `ending` is that of its name."""

    ending: str

    def require(self) -> None:
        """Raise MissingExtraError if a library that it needs is not installed."""

    def encode(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the file."""

    def decode(self, data: bytes) -> list[Record]:
        """Return the records as they were given; OutputError, without a file's name, if they are damaged."""


class JsonLinesTable:
    """One line of JSON a record."""

    ending = ".jsonl"

    def require(self) -> None:
        """Need nothing."""

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


class ParquetTable:
    """A row of nested columns a record; MissingExtraError without pyarrow."""

    ending = ".parquet"

    def require(self) -> None:
        """Raise MissingExtraError without pyarrow."""
        arrow()

    def encode(self, records: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the file."""
        stream = io.BytesIO()
        writer = ParquetWriter(stream)
        for start in range(0, len(records), ROWS):
            writer.write([row_of(record) for record in records[start : start + ROWS]])
        writer.close()
        return stream.getvalue()

    def decode(self, data: bytes) -> list[Record]:
        """Return the records in the rows."""
        try:
            return list(ParquetReader(data).records())
        except InputError as error:
            raise OutputError(str(error)) from None


TABLES: Mapping[str, Table] = {"jsonl": JsonLinesTable(), "parquet": ParquetTable()}
"""Every kind of table, by its name in the manifest."""
