"""Writers of one long table, a record at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from vitexplain.output import line
from vitexplain.output.parquet_rows import Row, row_of
from vitexplain.output.parquet_table import ROWS, ParquetWriter


class LinesWriter:
    """Writes JSON Lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a record."""
        self._file.write(line(record))

    def close(self) -> None:
        """Write what remains: nothing."""


class RowsWriter:
    """Writes Parquet, a group of rows at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._writer = ParquetWriter(file)
        self._waiting: list[Row] = []

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a record."""
        self._waiting.append(row_of(record))
        if len(self._waiting) == ROWS:
            self._flush()

    def close(self) -> None:
        """Write what remains, and the end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write(self._waiting)
        self._waiting = []
