"""A table of records, lines or rows, read from its beginning as often as needed, one record at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from vitexplain.errors import InputError
from vitexplain.images.files import shown
from vitexplain.output import Destination
from vitexplain.output.parquet_table import ParquetReader

Record = dict[str, Any]

ENDINGS = (".jsonl", ".parquet")

_LONGEST = 64 * 2**20
"""Bytes of a line; no record is as long."""

_IMAGE = re.compile(r'\{"schema": "[^"\\]*", "image": ')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Table:
    """A table `name` below a place. `batch`: what tells the batch that wrote it from others, "" if that is not known.

    `growing`: it is the file of a batch, whose last line may be torn. All errors are InputError, in one line.
    """

    place: Destination
    name: str
    batch: str = ""
    growing: bool = False

    def __str__(self) -> str:
        return shown(f"{self.place}/{self.name}")

    def each_key(self) -> Iterator[str]:
        """Yield the key of every record, or its picture's path where it has none, without reading the rest."""
        if self.name.endswith(".parquet"):
            with self._open() as file:
                for number, row in enumerate(self._checked(lambda: ParquetReader(file).rows(names=True)), 1):
                    try:
                        exact = json.loads(row["exact"] or "{}")
                        yield key_of(exact[0] if isinstance(exact, list) else {"image": row["image"], **exact})
                    except (ValueError, KeyError, TypeError, AttributeError):
                        raise self._no_record(number) from None
            return
        for number, line in enumerate(self._lines(), 1):
            found = _IMAGE.match(line)
            try:
                image = _DECODER.raw_decode(line, found.end())[0] if found else json.loads(line)["image"]
                yield key_of({"image": image})
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise self._no_record(number) from None

    def records(self) -> Iterator[Record]:
        """Yield the records in their order."""
        if self.name.endswith(".parquet"):
            with self._open() as file:
                yield from self._checked(lambda: ParquetReader(file).records())
            return
        for number, line in enumerate(self._lines(), 1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                raise self._no_record(number)
            yield record

    def _open(self) -> IO[bytes]:
        return self.place.open(self.name)

    def _lines(self) -> Iterator[str]:
        with self._open() as file:
            while line := file.readline(_LONGEST):
                if not line.endswith(b"\n"):
                    if self.growing:
                        raise InputError(
                            f"{self}: its last line is not whole: a batch still writes there, or was stopped while it "
                            "did; run the same batch command again to resume, then merge"
                        )
                    raise InputError(f"{self}: its last line is not whole: write the table again")
                yield line.decode("utf-8", "replace")

    def _checked(self, read: Callable[[], Iterator[Record]]) -> Iterator[Record]:
        try:
            yield from read()
        except InputError as error:
            raise InputError(f"{self}: {error}") from None

    def _no_record(self, number: int) -> InputError:
        return InputError(f"{self}: record {number:,} of it is none: expected a table that vitexplain wrote")


def key_of(record: Record) -> str:
    """Return the key of a record's picture, or its path where it has none. TypeError, KeyError: it is no record."""
    image = record["image"]
    key = image.get("key")
    return str(image["path"] if key is None else key)
