"""Parquet tables: pictures in a column of bytes or of structs, labels in another."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import JOB, keys, listed, outcome, table_at
from vitexplain.batch.reading import pictures
from vitexplain.batch.worker import Read
from vitexplain.errors import InputError, MissingExtraError, UsageError

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")

PICTURES = [encoded("PNG", number) for number in range(10)]
SHA256 = [hashlib.sha256(each).hexdigest() for each in PICTURES]
STRUCTS = [{"bytes": each, "path": f"{number}.png"} for number, each in enumerate(PICTURES)]


@pytest.mark.parametrize("kind", ["bytes", "large", "struct"])
@pytest.mark.parametrize("rows_a_group", [1, 3, 100])
def test_rows_are_read_in_their_order_or_any_other(kind: str, rows_a_group: int, tmp_path: Path) -> None:
    column: Any = {"bytes": PICTURES, "large": pyarrow.array(PICTURES, pyarrow.large_binary()), "struct": STRUCTS}[kind]
    path = table_at(tmp_path / "x.parquet", {"id": list(range(10)), "image": column}, rows_a_group)
    found = listed(path)
    assert [each.name for each in found] == [str(row) for row in range(10)]
    assert [each.path for each in found] == [f"{path}/{row}" for row in range(10)]
    assert [outcome(each) for each in found] == SHA256
    mixed = random.Random(1).sample(found, 10)
    assert {each.name: outcome(each) for each in mixed} == {str(row): each for row, each in enumerate(SHA256)}


def test_few_rows_are_decoded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vitexplain.batch.sources.cells import Cells
    from vitexplain.batch.sources.container import Container

    monkeypatch.setattr("vitexplain.batch.sources.cells._BATCH_BYTES", 4 * len(PICTURES[0]))
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES, "other": ["x" * 10**5] * 10}, 100)
    cells = Cells(Container(str(path)), "image")
    for row in (0, 1, 5, 9, 2):
        assert cells.read(row) == PICTURES[row]
        assert cells._batch.num_rows <= 4 and cells._batch.num_columns == 1


def test_a_cell_without_bytes_costs_that_picture(tmp_path: Path) -> None:
    column = [{"bytes": None, "path": "/etc/passwd"}, None, {"bytes": b"", "path": None}, STRUCTS[3]]
    found = listed(table_at(tmp_path / "x.parquet", {"image": column}))
    assert "holds no bytes" in outcome(found[0]) and "holds no bytes" in outcome(found[1])
    assert "the file is empty" in outcome(found[2])
    assert outcome(found[3]) == SHA256[3]


def test_which_column_holds_the_pictures(tmp_path: Path) -> None:
    def column(columns: dict[str, Any], chosen: str | None = None) -> str:
        given = listed(table_at(tmp_path / "x.parquet", columns), image_column=chosen)[0].place
        return str(getattr(given, "column"))  # noqa: B009

    assert column({"id": ["a"], "photo": PICTURES[:1]}) == "photo"
    assert column({"other": PICTURES[:1], "image": STRUCTS[:1]}) == "image.bytes"
    assert column({"a.b": PICTURES[:1], "c": ["x"]}) == "a.b"
    assert column({"a": PICTURES[:1], "b": PICTURES[:1]}, "b") == "b"
    with pytest.raises(UsageError, match="2 columns may hold pictures, a, b: choose one with `image_column=`"):
        column({"a": PICTURES[:1], "b": PICTURES[:1]})
    with pytest.raises(UsageError, match=r"`image_column=c`: .*has a \(binary\), n \(int64\)"):
        column({"a": PICTURES[:1], "n": [1]}, "c")
    with pytest.raises(UsageError, match=r"`image_column=n` of .* holds no pictures"):
        column({"a": PICTURES[:1], "n": [1]}, "n")


def test_a_column_whose_name_has_a_dot(tmp_path: Path) -> None:
    assert [outcome(each) for each in listed(table_at(tmp_path / "x.parquet", {"a.b": PICTURES}))] == SHA256


def test_a_table_without_pictures_names_its_columns(tmp_path: Path) -> None:
    path = table_at(tmp_path / "x.parquet", {"id": [1], "text": ["x"], "box": [{"left": 1}]})
    with pytest.raises(InputError, match=r"no column of pictures.*id \(int64\), text \(string\), box \(struct") as info:
        listed(path)
    assert info.value.exit_code == 3
    with pytest.raises(InputError, match="no row in it"):
        listed(table_at(path, {"image": pyarrow.array([], pyarrow.binary())}))


def test_labels(tmp_path: Path) -> None:
    columns = {
        "image": PICTURES[:4],
        "label": [3, 0, -1, None],
        "name": ["elm", " oak ", "", None],
        "number": [1.0, 2.5, None, 7.0],
        "kind": pyarrow.array(["a", "b", "a", None]).dictionary_encode(),
    }
    path = table_at(tmp_path / "x.parquet", columns)

    def truths(class_from: str | None) -> list[object]:
        return [each.truth for each in listed(path, class_from=class_from)]

    assert truths(None) == truths("label") == [3, 0, None, None]
    assert truths("name") == ["elm", "oak", None, None]
    assert truths("number") == [1, None, None, 7]
    assert truths("kind") == ["a", "b", "a", None]
    assert truths("none") == truths("parent") == [None] * 4
    with pytest.raises(UsageError, match=r"`class_from=colour`: .* has image \(binary\), label"):
        truths("colour")
    with pytest.raises(UsageError, match=r"`class_from=image` of .* holds no labels"):
        truths("image")


def test_what_the_datasets_library_writes(tmp_path: Path) -> None:
    """Its features say which column holds pictures, and the names of the classes."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "thumbnail": datasets.Value("binary"),
            "photo": datasets.Image(),
            "fine": datasets.ClassLabel(names=["elm, field elm", "crane", "oak"]),
            "label": datasets.Value("int64"),
        }
    )
    rows = {
        "thumbnail": [b"x"] * 4,
        "photo": STRUCTS[:4],
        "fine": ["elm, field elm", 2, -1, 0],
        "label": [9, 9, 9, 9],
    }
    path = tmp_path / "x.parquet"
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(path))
    found = listed(path)
    assert [outcome(each) for each in found] == SHA256[:4]
    assert [each.truth for each in found] == ["elm, field elm", "oak", None, "elm, field elm"]
    assert [each.truth for each in listed(path, class_from="label")] == [9] * 4


def test_damaged_tables_end_in_words(tmp_path: Path) -> None:
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES})
    data = path.read_bytes()
    for broken in (b"", b"PAR1", data[: len(data) // 2], b"x" * 1000):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"x\.parquet: the table cannot be read \(.*write it again"):
            listed(path)


def test_damage_costs_the_pictures_there_and_not_the_run(tmp_path: Path) -> None:
    """The library that reads Parquet crashes on some damage; here whatever it does is done by another process."""
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES}, 2)
    data = bytearray(path.read_bytes())
    found = listed(path)
    data[4:40] = b"\xff" * 36  # the header of the first page
    path.write_bytes(bytes(data))
    answers = list(pictures(found, JOB, 1, 4))
    assert [each for each, _ in answers] == found
    said = [answer.picture.sha256 if isinstance(answer, Read) else "failed" for _, answer in answers]
    assert said == ["failed", "failed", *SHA256[2:]]


def test_a_damaged_table_among_others_is_one_picture_that_failed(tmp_path: Path) -> None:
    good, bad = table_at(tmp_path / "a.parquet", {"image": PICTURES[:2]}), tmp_path / "b.parquet"
    bad.write_bytes(b"no table")
    found = listed(good, bad)
    assert [each.name for each in found] == ["a.parquet/0", "a.parquet/1", "b.parquet"]
    assert "the table cannot be read" in (found[-1].problem or "")
    for columns, words in (
        ({"id": [1]}, "no column of pictures"),
        ({"image": pyarrow.array([], pyarrow.binary())}, "no row"),
    ):
        found = listed(good, table_at(bad, columns))
        assert found[-1].name == "b.parquet" and words in (found[-1].problem or "")


def test_globs_are_refused_where_there_are_only_tables(tmp_path: Path) -> None:
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES})
    with pytest.raises(UsageError, match="`include=` and `exclude=` are about names"):
        keys(path, include=("*.png",))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"needs pyarrow.*pip install 'vitexplain\[parquet\]'"):
        listed(path)


def test_a_worker_reads_a_table_without_torch(tmp_path: Path) -> None:
    path = table_at(tmp_path / "x.parquet", {"image": PICTURES})
    code = (
        "import sys\nfrom tests.batch.sources.containers import listed, outcome\n"
        f"print(outcome(listed({str(path)!r})[4]), 'torch' in sys.modules, 'datasets' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [SHA256[4], "False", "False"]
