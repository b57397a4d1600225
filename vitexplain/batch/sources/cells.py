"""Cells: one column of a Parquet table read row by row, without ever holding a whole row group."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from typing import Any

from vitexplain.batch.sources.container import Container

_BATCH_BYTES = 16 * 2**20
"""About so many bytes of pictures are decoded at once."""

_MOST_ROWS = 256


class Cells:
    """A column of a table, opened in this process.

    Rows that are asked for in ascending order are decoded once, a few at a time; an earlier one starts its row group
    again. Other columns are not read. Memory: those rows, and two or three pages of the file, which its writer chose.
    """

    def __init__(self, container: Container, column: str) -> None:
        from pyarrow import parquet

        self._lock = threading.Lock()
        self._stream = container.open()
        self._column = column
        self._file = parquet.ParquetFile(self._stream, pre_buffer=False, buffer_size=2**20)
        groups = self._file.metadata.num_row_groups
        self._starts = [0]
        for group in range(groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._group, self._next = -1, 0
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None
        self._batch_start = 0

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()

    @property
    def schema(self) -> Any:
        """The columns, as pyarrow describes them."""
        return self._file.schema_arrow

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._starts[-1]

    def column(self, name: str) -> list[Any]:
        """Return all values of another column."""
        values: list[Any] = self._file.read(columns=[name], use_threads=False).column(0).to_pylist()
        return values

    def read(self, row: int) -> bytes | None:
        """Return the bytes in a row; None: it is null. IndexError: the table has fewer rows now."""
        with self._lock:
            if not 0 <= row < self.rows:
                raise IndexError(f"row {row:,} of {self.rows:,}")
            group = bisect.bisect_right(self._starts, row) - 1
            if group != self._group or self._batch is None or row < self._batch_start:
                self._begin(group)
            try:
                while row >= self._batch_start + self._batch.num_rows:
                    self._advance()
            except BaseException:
                self._group, self._batch = -1, None
                raise
            value = self._batch.column(0)[row - self._batch_start].as_py()
            if isinstance(value, dict):  # a struct, of which only the bytes are read
                value = next(iter(value.values()))
            return value if value is None else bytes(value)

    def _begin(self, group: int) -> None:
        about = self._file.metadata.row_group(group)
        size = sum(
            about.column(place).total_uncompressed_size
            for place in range(about.num_columns)
            if about.column(place).path_in_schema == self._column
        )
        rows = max(1, min(_MOST_ROWS, _BATCH_BYTES * about.num_rows // max(size, 1)))
        self._batches = self._file.iter_batches(rows, row_groups=[group], columns=[self._column], use_threads=False)
        self._group, self._next = group, self._starts[group]
        self._advance()

    def _advance(self) -> None:
        self._batch = next(self._batches, None)
        if self._batch is None:
            raise ValueError("a row group that holds fewer rows than it says")
        self._batch_start, self._next = self._next, self._next + self._batch.num_rows
