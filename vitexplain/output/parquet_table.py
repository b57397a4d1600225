"""Tables of records in Parquet, written and read in groups of rows, so that one of any length fits into memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vitexplain.errors import InputError
from vitexplain.output.parquet_rows import Row, record_of
from vitexplain.output.parquet_schema import EXACT, FORMAT, VERSION, arrow, table_schema

if TYPE_CHECKING:
    import pyarrow

ROWS = 500
"""Rows of a group: as many are in memory at a time."""

_NAMES = ("image", EXACT)


class ParquetWriter:
    """Writes rows to a file that is open for writing."""

    def __init__(self, file: IO[bytes]) -> None:
        # Scores hardly repeat, so that a dictionary of them only costs; text is small once it is compressed.
        self._writer = arrow().parquet.ParquetWriter(file, table_schema(), compression="zstd", use_dictionary=False)

    def write(self, rows: Sequence[Row]) -> None:
        """Add a group of rows, at most a few thousand."""
        if rows:
            self._writer.write_table(_columns(rows))

    def close(self) -> None:
        """Write the end of the file, without which it is no table."""
        self._writer.close()


class ParquetReader:
    """Reads a table, from its path or its bytes. InputError, without the file's name, for any other file."""

    def __init__(self, table: Path | bytes | IO[bytes]) -> None:
        pa = arrow()
        try:
            self._file = pa.parquet.ParquetFile(io.BytesIO(table) if isinstance(table, bytes) else table)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(error) from None
        found = (self._file.schema_arrow.metadata or {}).get(FORMAT)
        if found != VERSION:
            columns = ", ".join(self._file.schema_arrow.names[:8])
            words = f"a table of format {found.decode('ascii', 'replace')}" if found else f"its columns are {columns}"
            raise InputError(f"{words}, expected a table of records that this version of vitexplain writes")

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self._file.metadata.num_rows)

    def rows(self, *, names: bool = False) -> Iterator[Row]:
        """Yield the rows in their order; with `names` only what names their pictures."""
        pa = arrow()
        if not self.count:  # older versions of pyarrow read no table without rows
            return
        try:
            for batch in self._file.iter_batches(ROWS, columns=list(_NAMES) if names else None):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(error) from None

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records in their order."""
        for row in self.rows():
            try:
                yield record_of(row)
            except (ValueError, RecursionError, TypeError, AttributeError, IndexError) as error:
                raise _damaged(error) from None


def _columns(rows: Sequence[Row]) -> pyarrow.Table:
    """Return rows as a table.

    Arrow reads nested values from JSON text, of which it makes the very same columns, 13 times as fast as from lists.
    """
    from pyarrow import json as arrow_json

    text = b"".join(json.dumps(row, allow_nan=False).encode("ascii") + b"\n" for row in rows)
    schema = table_schema()
    table = arrow_json.read_json(
        io.BytesIO(text),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    return table.replace_schema_metadata(schema.metadata)


def _damaged(error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"no whole Parquet file ({reason[:120]})")
