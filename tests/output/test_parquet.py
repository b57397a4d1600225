"""Records in Parquet: each comes back to the last digit, and other programs read the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.given_result import explanation, picture, result
from tests.report.run_folders import checked, signed
from vitexplain.batch.sinks.tables import ParquetTable
from vitexplain.errors import InputError, OutputError
from vitexplain.output import line
from vitexplain.output.parquet_table import ROWS, ParquetReader
from vitexplain.result import Failure, Similarity, Target

pa = pytest.importorskip("pyarrow")
TABLE = ParquetTable()


def rich_records() -> list[dict[str, Any]]:
    """Return records of every kind: flow, checks, targets against others, a reference, notices, names, failures."""
    against = Target(3, "tabby", "n02123045", against=Target(9, None, None), lowers=True)
    like = Similarity(None, "ab" * 32, 0.25)
    numbers = np.array([[0.0, -0.0], [5e-324, 1.7976931348623157e308]])
    found = (
        replace(explanation("flow"), notices=("plain flow: shows layer 1",), check=checked(True)),
        replace(explanation("rollout"), scale=(0.0, 1.0), files={"overlay": "a/b.png", "npy": "a/b.npy"}),
        replace(signed(1, against), check=replace(checked(False), target=against, changes=None, sufficient=())),
        replace(explanation("rollout:residual=0.3"), scores=numbers, target=like, source=None),
    )
    whole = result(explanations=found).to_record()
    records = [
        whole,
        result(picture(None)).to_record(),
        {**result().to_record(), "predictions": [], "explanations": []},
    ]
    records += [Failure("a.jpg", InputError("a.jpg: broken"), {"read": 0.1}).to_record()]
    records += [Failure("b\udce9\udcff \u2028 \U0001f98a.jpg", InputError("b: \udce9")).to_record()]
    keyed = json.loads(json.dumps(whole))
    keyed["image"] = {"path": "t.tar/x\udc80.jpg", "key": "x\udc80.jpg", **dict(list(keyed["image"].items())[1:])}
    label = {"index": 3, "label": "tabby", "id": None}
    keyed = {**{name: keyed[name] for name in ("schema", "image", "model")}, "truth": {"given": 3, **label}, **keyed}
    text = {**keyed, "truth": {"given": "3", **label}}
    odd = {**whole, "of a later version": [1], "notices": ["n"]}
    return [
        *records,
        keyed,
        text,
        odd,
        dict(reversed(whole.items())),
        {"schema": 7},
        {"schema": "vitexplain/9", "a": 2**80},
    ]


def test_every_kind_of_record_comes_back_to_the_last_digit() -> None:
    records = rich_records()
    back = TABLE.decode(TABLE.encode(records))
    assert list(map(line, back)) == list(map(line, records))


def test_the_columns_hold_all_of_a_usual_record() -> None:
    records = rich_records()
    exact = [row["exact"] for row in ParquetReader(TABLE.encode(records)).rows()]
    assert exact[:4] == [None] * 4
    assert json.loads(exact[4])["image"] == {"path": "b\udce9\udcff \u2028 \U0001f98a.jpg"}, "a path of no UTF-8"
    assert set(json.loads(exact[5])) == {"image", "truth"}, "no scores are kept twice"
    assert json.loads(exact[6]) == {"image": records[6]["image"]}


LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec=None) | st.integers(0xDC80, 0xDCFF).map(chr), max_size=6)


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """Return a record in which some values, at any depth, are others, of any type, or missing."""
    record: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(rich_records()))))
    for _ in range(draw(st.integers(0, 4))):
        place: Any = record
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.integers(0, 5)):
                place = inner
                continue
            if isinstance(place, dict) and draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(LEAVES | TEXTS | st.lists(LEAVES | TEXTS, max_size=3) | st.just({"a": 1.5}))
            break
    return record


@settings(max_examples=150, deadline=None)
@given(st.lists(changed(), min_size=1, max_size=3))
def test_any_record_comes_back(records: list[dict[str, Any]]) -> None:
    assert list(map(line, TABLE.decode(TABLE.encode(records)))) == list(map(line, records))


def test_an_empty_table_and_one_of_several_groups() -> None:
    assert TABLE.decode(TABLE.encode([])) == []
    failures = [Failure(f"{number}.jpg", InputError("broken")).to_record() for number in range(ROWS + 1)]
    assert TABLE.decode(TABLE.encode(failures)) == failures


def test_the_schema_is_the_same_whatever_is_in_the_table() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = [TABLE.encode([record]) for record in rich_records()] + [TABLE.encode([])]
    schemas = [parquet.read_schema(pa.BufferReader(data)) for data in tables]
    assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 100])
def test_a_damaged_table_is_an_error_in_one_line(data: bytes) -> None:
    whole = TABLE.encode(rich_records())
    for damaged in (data, whole[: len(whole) // 2], whole[len(whole) // 2 :]):
        with pytest.raises(OutputError, match="no whole Parquet file") as caught:
            TABLE.decode(damaged)
        assert "\n" not in str(caught.value)


def test_a_table_of_something_else_says_what_it_is(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"image": [b"1"], "label": [2]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="its columns are image, label, expected a table of records"):
        ParquetReader(tmp_path / "other.parquet")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three records, the last a failure."""
    path = tmp_path / "records.parquet"
    path.write_bytes(TABLE.encode(rich_records()[:4]))
    return path


def check_read(first: Mapping[str, Any]) -> None:
    """Check what another program makes of the first record."""
    record = rich_records()[0]
    assert first["image"]["path"] == record["image"]["path"]
    found = first["explanations"][0]
    assert [list(row) for row in found["scores"]] == record["explanations"][0]["scores"]
    assert json.loads(found["statistics"]) == record["explanations"][0]["statistics"]
    assert first["predictions"][0]["probability"] == record["predictions"][0]["probability"]


def test_pandas(table: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(table)
    check_read(frame.iloc[0])
    assert frame["error"].notna().tolist() == [False, False, False, True]


def test_polars(table: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_parquet(table)
    check_read(frame.row(0, named=True))
    label = polars.col("predictions").list.first().struct.field("label")
    gap = polars.col("explanations").list.first().struct.field("statistics").str.json_path_match("$.gap")
    assert frame.select(label).to_series().to_list() == ["tabby", "tabby", None, None]
    assert frame.select(gap).to_series()[0] == "0.0"


def test_duckdb(table: Path) -> None:
    duckdb = pytest.importorskip("duckdb").connect()
    asked = "select image, predictions, explanations from read_parquet(?) where error is null"
    rows = duckdb.execute(asked, [str(table)]).fetchall()
    assert len(rows) == 3
    check_read(dict(zip(("image", "predictions", "explanations"), rows[0], strict=True)))
    best = "select max(list_max(flatten(explanations[1].scores))) from read_parquet(?)"
    assert duckdb.execute(best, [str(table)]).fetchall() == [(0.1,)]


def test_datasets(table: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset("parquet", data_files=str(table), split="train", cache_dir=str(tmp_path / "cache"))
    check_read(loaded[0])
    assert loaded[3]["error"]["message"] == "a.jpg: broken"
