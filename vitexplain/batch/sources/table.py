"""A Parquet table with a column of pictures, as Hugging Face data sets write them or with plain bytes."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.cells import Cells
from vitexplain.batch.sources.container import Container
from vitexplain.batch.sources.labels import NONE, PARENT, USUAL, as_label
from vitexplain.batch.sources.source import Listing
from vitexplain.errors import InputError, LimitError, MissingExtraError, UsageError, VitexplainError
from vitexplain.images.files import MAX_BYTES, shown

_BYTES = "bytes"


@dataclass(frozen=True)
class Cell:
    """A picture in a table: `column` is the path of the bytes there, `image` or `image.bytes`."""

    container: Container
    path: str
    column: str
    row: int

    def read(self) -> bytes:
        """Return its bytes; InputError: the cell is empty, or the table damaged; LimitError: too large."""
        with _damage(self.path):
            data = _cells(self.container, self.column, self.container.stamp()).read(self.row)
        if data is None:
            raise InputError(f"{shown(self.path)}: the cell holds no bytes: leave the row out")
        if len(data) > MAX_BYTES:
            raise LimitError(f"{shown(self.path)}: more than {MAX_BYTES >> 20} MiB: scale the picture down")
        return data


@dataclass(frozen=True)
class Table:
    """One table as a unit. `prefix` stands before the keys of its pictures; `alone`: it is all that there is."""

    container: Container
    prefix: str
    image_column: str | None
    class_from: str | None
    alone: bool

    @property
    def name(self) -> str:
        """Its key in the source."""
        return self.prefix.rstrip("/") or self.container.base

    def listing(self) -> Listing:
        """Return a picture for each row; only the labels are read.

        InputError: no table, damaged, without rows or without a column of pictures; UsageError: a column that is not
        there, or of another kind; MissingExtraError: pyarrow is not installed.
        """
        address = self.container.address
        try:
            with _damage(address):
                cells = Cells(self.container, "")
                schema, rows = cells.schema, cells.rows
            column = self._image_column(schema)
            with _damage(address):
                labels = self._labels(cells, schema)
            if not rows:
                raise UselessError(f"{shown(address)}: no row in it, expected at least one picture")
        except UselessError as error:
            if self.alone:
                raise
            return Listing((Input(address, self.name, problem=str(error)),))
        return Listing(
            tuple(
                Input(
                    path := f"{address}/{row}",
                    f"{self.prefix}{row}",
                    Cell(self.container, path, column, row),
                    labels[row] if labels else None,
                )
                for row in range(rows)
            )
        )

    def _image_column(self, schema: Any) -> str:
        """Return the path of the bytes in the column that was asked for, or in the only one that may hold pictures."""
        where = shown(self.container.address)
        if self.image_column is not None:
            if self.image_column not in schema.names:
                raise UsageError(f"`image_column={shown(self.image_column)}`: {where} has {_columns(schema)}")
            found = _bytes_in(schema.field(self.image_column))
            if found is None:
                raise UsageError(
                    f"`image_column={shown(self.image_column)}` of {where} holds no pictures, expected binary or a "
                    f"struct of bytes and path: it has {_columns(schema)}"
                )
            return found
        fields = [schema.field(place) for place in range(len(schema.names))]
        features = _features(schema)
        named = [each for each in fields if features.get(each.name, {}).get("_type") == "Image"]
        structs = [each for each in fields if str(each.type).startswith("struct")]
        for group in (named, structs, fields):
            paths = [path for each in group if (path := _bytes_in(each)) is not None]
            if len(paths) > 1:
                raise UsageError(
                    f"{where}: {len(paths)} columns may hold pictures, {', '.join(map(shown, paths))}: choose one with "
                    "`image_column=`"
                )
            if paths:
                return paths[0]
        raise UselessError(
            f"{where}: no column of pictures, expected binary or a struct of bytes and path: it has {_columns(schema)}"
        )

    def _labels(self, cells: Cells, schema: Any) -> Sequence[str | int | None]:
        """Return the label of every row; none where there is no column of labels."""
        if self.class_from in (PARENT, NONE):
            return ()
        column = self._label_column(schema)
        if column is None:
            return ()
        names = _features(schema).get(column, {}).get("names")
        values = [as_label(value) for value in cells.column(column)]
        if not isinstance(names, list):
            return values
        return [names[value] if isinstance(value, int) and value < len(names) else value for value in values]

    def _label_column(self, schema: Any) -> str | None:
        where = shown(self.container.address)
        if self.class_from is not None:
            if self.class_from not in schema.names:
                raise UsageError(f"`class_from={shown(self.class_from)}`: {where} has {_columns(schema)}")
            if not _holds_labels(schema.field(self.class_from)):
                raise UsageError(
                    f"`class_from={shown(self.class_from)}` of {where} holds no labels, expected text or whole "
                    f"numbers: it has {_columns(schema)}"
                )
            return self.class_from
        classes = [name for name, each in _features(schema).items() if each.get("_type") == "ClassLabel"]
        for names in (classes, USUAL):
            usable = [name for name in names if name in schema.names and _holds_labels(schema.field(name))]
            if len(usable) == 1:
                return usable[0]
        return None


class UselessError(InputError):
    """A table that is damaged, or holds no picture, which among several does not end the run."""


class _damage:  # noqa: N801 - read as a word of the with statement
    """What pyarrow raises about a damaged file, as one line."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        try:
            importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise MissingExtraError(
                f"{shown(self._path)}: reading Parquet needs pyarrow, which is not installed: "
                "pip install 'vitexplain[parquet]'"
            ) from None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, VitexplainError | MemoryError) or not isinstance(error, Exception):
            return
        reason = shown(" ".join(str(error).split())[:120])
        raise UselessError(
            f"{shown(self._path)}: the table cannot be read ({reason}): copy it again, or write it again"
        ) from None


@functools.lru_cache(maxsize=2)
def _cells(container: Container, column: str, _stamp: tuple[int, ...]) -> Cells:
    return Cells(container, column)


def _features(schema: Any) -> Mapping[str, Any]:
    """Return what the datasets library wrote about the columns into the table, by name."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name: each for name, each in features.items() if isinstance(each, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _bytes_in(field: Any) -> str | None:
    """Return the path of the bytes in a column; None: there are none."""
    kind = str(field.type)
    if kind in ("binary", "large_binary"):
        return str(field.name)
    if kind.startswith("struct<"):
        for place in range(field.type.num_fields):
            inner = field.type.field(place)
            if inner.name == _BYTES and str(inner.type) in ("binary", "large_binary"):
                return f"{field.name}.{_BYTES}"
    return None


def _holds_labels(field: Any) -> bool:
    kind = str(field.type)
    if kind.startswith("dictionary<values="):
        kind = kind.removeprefix("dictionary<values=").partition(",")[0]
    return kind in ("string", "large_string", "bool", "double", "float") or kind.startswith(("int", "uint"))


def _columns(schema: Any) -> str:
    """Return the columns and their kinds, in words."""
    names = [f"{shown(field.name)} ({shown(str(field.type)[:60])})" for field in schema]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more if names else "no column"
