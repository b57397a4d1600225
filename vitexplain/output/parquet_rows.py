"""A record as a row of a Parquet table, and back: the same record, to the last digit.

The columns are filled with all that fits their types. What a row would not give back as it was is kept as JSON text in
its column `exact`, so that a record of any kind makes the round trip.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from vitexplain.output.parquet_schema import AS_JSON, EXACT, arrow, table_schema
from vitexplain.result import dump

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
Fit = Callable[[Any], Any]

_MAY_BE_ABSENT = frozenset(
    {"key", "sha256", "width", "height", "view", "cut_layers", "check", "against", "lowers", "kind", "reference"}
    | {"similarity", "overlay", "heatmap", "npy"}
)
"""Fields inside others that a record leaves out where there is nothing in them; others are null then."""

_OF_A_SIMILARITY = ("kind", "reference", "similarity")


def row_of(record: Mapping[str, Any]) -> Row:
    """Return a record as the values of the columns."""
    row = {name: fit(record.get(name)) for name, fit in _columns().items()}
    back = record_of(row)
    exact = {name: value for name, value in record.items() if name not in back or _text(value) != _text(back[name])}
    if list({**back, **exact}) != list(record):
        row[EXACT] = _text(record)
    elif exact:
        row[EXACT] = dump(exact)
    return row


def record_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a row, as `row_of` got it. ValueError: its JSON text is none."""
    exact = json.loads(row[EXACT]) if row.get(EXACT) is not None else {}
    if isinstance(exact, list):  # the whole record, as its keys are others, or in another order
        return dict(exact[0])
    found = {name: _read(value, name) for name, value in row.items() if value is not None and name != EXACT}
    return {**found, **exact}


@cache
def _columns() -> dict[str, Fit]:
    """Return for each column what makes its value of that of a record."""
    return {column.name: _fit(column.type, column.name) for column in table_schema()}


def _fit(kind: pyarrow.DataType, name: str = "") -> Fit:
    """Return what makes the value of a column of this type: None, or a part of it, where a value does not fit."""
    types = arrow().types
    if name in AS_JSON:
        return lambda value: dump(value) if isinstance(value, Mapping) else None
    if types.is_struct(kind):
        inner = [(field.name, _fit(field.type, field.name)) for field in kind]
        return lambda value: {name: fit(value.get(name)) for name, fit in inner} if isinstance(value, Mapping) else None
    if types.is_list(kind):
        each = _fit(kind.value_type)
        return lambda value: list(map(each, value)) if isinstance(value, list) else None
    return {"string": _as_text, "double": _as_number, "int64": _as_whole}.get(str(kind), _as_flag)


def _as_text(value: Any) -> str | None:
    r"""Return text as UTF-8 has it: bytes of a path that are none as \udcXX; a class's number by its digits."""
    return None if value is None else str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _as_number(value: Any) -> float | None:
    return value if type(value) is float else float(value) if type(value) is int and abs(value) < 2**53 else None


def _as_whole(value: Any) -> int | None:
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _as_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    return json.dumps([value], allow_nan=False)


def _read(value: Any, name: str = "") -> Any:
    """Return the value of a column as a record has it."""
    if name in AS_JSON and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return list(map(_read, value)) if value and isinstance(value[0], list | dict) else value
    if not isinstance(value, dict):
        return value
    kept = _OF_A_SIMILARITY if value.get("similarity") is not None else value
    absent = _MAY_BE_ABSENT if name != "files" else value
    return {inner: _read(value[inner], inner) for inner in kept if value[inner] is not None or inner not in absent}
