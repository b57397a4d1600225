"""The columns of a table of records in Parquet: the same for every run, so that tables of any methods join."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from vitexplain.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow

AS_JSON = frozenset({"options", "statistics", "seconds", "exact"})
"""Columns of JSON text: what is in them differs from method to method."""

EXACT = "exact"
"""The fields that the columns cannot hold as they are, a path with bytes that are no UTF-8, say, as JSON text."""

FORMAT, VERSION = b"vitexplain-table", b"1"
"""The key and the value in the file's own metadata."""


def arrow() -> Any:
    """Return the package pyarrow; MissingExtraError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            "Parquet needs pyarrow, which is not installed: pip install 'vitexplain[parquet]'"
        ) from None
    return pyarrow


@cache
def table_schema() -> pyarrow.Schema:
    """Return the schema of every table: the keys of a record, in their order, and `exact` behind them."""
    pa = arrow()
    text, whole, number, flag = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    numbers, wholes, texts = pa.list_(number), pa.list_(whole), pa.list_(text)

    def struct(**fields: Any) -> Any:
        return pa.struct(list(fields.items()))

    named = {"index": whole, "label": text, "id": text}
    target = struct(
        **named,
        against=struct(**named),
        lowers=flag,
        kind=text,
        reference=struct(path=text, sha256=text),
        similarity=number,
    )
    answers = struct(highest=number, random=numbers, lowest=number)
    check = struct(
        target=target,
        of=text,
        fill=text,
        seed=whole,
        share=number,
        patches=whole,
        whole=number,
        empty=number,
        removed=answers,
        kept=answers,
        beats_random=flag,
        keeps=text,
        suffices=whole,
        sufficient=pa.list_(wholes),
        changes=whole,
    )
    explanation = struct(
        method=text,
        spec=text,
        options=text,
        layers=wholes,
        source=text,
        target=target,
        scores=pa.list_(numbers),
        unit=text,
        cut_layers=pa.list_(pa.list_(wholes)),
        statistics=text,
        check=check,
        notices=texts,
        display=struct(low=number, high=number),
        files=struct(overlay=text, heatmap=text, npy=text, cut_layers=text),
    )
    columns = {
        "schema": text,
        "image": struct(
            path=text,
            key=text,
            sha256=text,
            width=whole,
            height=whole,
            view=struct(kind=text, box=numbers, size=wholes),
        ),
        "model": struct(
            name=text,
            source=text,
            layers=whole,
            heads=whole,
            tokens=whole,
            prefix=whole,
            grid=wholes,
            transform=struct(size=wholes, mean=numbers, std=numbers, interpolation=text, crop_pct=number),
            activation=text,
        ),
        "truth": struct(given=text, **named),
        "predictions": pa.list_(struct(**named, probability=number, logit=number)),
        "explanations": pa.list_(explanation),
        "runtime": struct(device=text, dtype=text, threads=whole, batch_size=whole),
        "notices": texts,
        "error": struct(type=text, message=text),
        "seconds": text,
        "version": text,
        EXACT: text,
    }
    return pa.schema(list(columns.items()), metadata={FORMAT: VERSION})
