"""merge: nothing missing, nothing twice, in the source's order, whatever wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.batch.merging.run_folders import Record, write_lines, write_manifest, write_parts
from tests.cli.command_line import command_line
from vitexplain.batch.merging.merge import Merged, merge
from vitexplain.batch.parts import Shard
from vitexplain.errors import InputError, OutputError, UsageError
from vitexplain.output import line
from vitexplain.output.run_folder import RECORDS

UNITS = (("a.jpg", "b/a.jpg", "b/\udcff\u732b.jpg", "c.jpg", "d.jpg"), ("t.tar/1.jpg",), ("u.tar/1.jpg", "u.tar/2.jpg"))
KEYS = [key for keys in UNITS for key in keys]


def merged(given: Sequence[Path], out: Path, **how: Any) -> tuple[list[Record], Merged]:
    """Merge, and return the records of the table and what was said of it."""
    said = merge([str(each) for each in given], str(out), **how)
    return read(out), said


def read(table: Path) -> list[Record]:
    """Return the records of a table, read without what is tested."""
    return [json.loads(each) for each in table.read_bytes().splitlines()]


def keys(records: Sequence[Record]) -> list[str]:
    return [record["image"]["key"] for record in records]


def without_files(records: Sequence[Record]) -> list[Record]:
    return [
        {**record, "explanations": [{**each, "files": None} for each in record.get("explanations", ())]}
        for record in records
    ]


def test_two_shards_make_the_table_of_one_run(tmp_path: Path) -> None:
    whole = write_parts(tmp_path / "whole", UNITS)
    for number in (1, 2):
        write_parts(tmp_path / f"shard-{number}", UNITS, shard=Shard(number, 2))
    found, said = merged([tmp_path / "shard-2", tmp_path / "shard-1"], tmp_path / "all.jsonl")
    assert keys(found) == KEYS == keys(whole)
    assert without_files(found) == without_files(whole)
    assert (said.records, said.failed, said.notes) == (8, 0, ())
    for record in found:
        for each in record["explanations"]:
            assert (tmp_path / each["files"]["overlay"]).is_file(), "names are relative to the new table"


def test_a_table_in_the_folder_itself_keeps_the_names(tmp_path: Path) -> None:
    whole = write_parts(tmp_path / "whole", UNITS)
    found, _ = merged([tmp_path / "whole"], tmp_path / "whole/all.jsonl")
    assert found == whole


def test_the_same_images_in_both_layouts_are_there_once(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines", KEYS)
    write_parts(tmp_path / "parts", UNITS)
    found, said = merged([tmp_path / "lines", tmp_path / "parts"], tmp_path / "lines/all.jsonl")
    assert found == lines and said.notes == ("8 identical records are there once",)


def test_both_layouts_in_one_folder(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "run", KEYS[:1])
    parts = write_parts(tmp_path / "run", (KEYS[1:],))
    found, _ = merged([tmp_path / "run"], tmp_path / "run/all.jsonl")
    assert found == [*lines, *parts]


def test_parquet_both_ways(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    whole = write_parts(tmp_path / "lines", UNITS, failing=["c.jpg"])
    write_parts(tmp_path / "rows", UNITS, form="parquet", failing=["c.jpg"])
    assert (tmp_path / "rows/parts/part-00000-00000.parquet").is_file()
    merge([str(tmp_path / "rows")], str(tmp_path / "rows/all.jsonl"))
    assert read(tmp_path / "rows/all.jsonl") == whole
    merge([str(tmp_path / "lines")], str(tmp_path / "lines/all.parquet"))
    merge([str(tmp_path / "lines/all.parquet")], str(tmp_path / "lines/again.jsonl"))
    assert read(tmp_path / "lines/again.jsonl") == whole


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    for number in (1, 3):
        write_parts(tmp_path / f"shard-{number}", UNITS, shard=Shard(number, 3))
    folders = [tmp_path / "shard-1", tmp_path / "shard-3"]
    with pytest.raises(InputError, match=r"parts are missing: 00000-00001, all of unit 00001: give the folders of all"):
        merged(folders, tmp_path / "all.jsonl")
    assert not (tmp_path / "all.jsonl").exists()
    found, said = merged(folders, tmp_path / "all.jsonl", partial=True)
    assert keys(found) == ["a.jpg", "b/a.jpg", "d.jpg", "u.tar/1.jpg", "u.tar/2.jpg"]
    assert said.notes == ("parts are missing: 00000-00001, all of unit 00001",)


def test_the_last_parts_and_units_are_missed_too(tmp_path: Path) -> None:
    write_parts(tmp_path / "run", UNITS)
    for name in ("00000-00002", "00002-00000"):
        (tmp_path / f"run/parts/part-{name}.json").unlink()
    with pytest.raises(InputError, match="missing: 00000-00002, all of unit 00002"):
        merged([tmp_path / "run"], tmp_path / "all.jsonl")


def test_a_table_cut_short_does_not_count(tmp_path: Path) -> None:
    write_parts(tmp_path / "run", UNITS)
    table = tmp_path / "run/parts/part-00000-00001.jsonl"
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(InputError, match="missing: 00000-00001:"):
        merged([tmp_path / "run"], tmp_path / "all.jsonl")


def test_a_batch_that_still_writes_lines(tmp_path: Path) -> None:
    write_lines(tmp_path / "run", KEYS)
    with (tmp_path / "run" / RECORDS).open("ab") as file:
        file.write(b'{"schema": "vitexpl')
    with pytest.raises(InputError, match="its last line is not whole: a batch still writes there"):
        merged([tmp_path / "run"], tmp_path / "all.jsonl")


def test_the_same_part_of_two_folders_is_read_once(tmp_path: Path) -> None:
    whole = write_parts(tmp_path / "one", UNITS)
    write_parts(tmp_path / "two", UNITS)
    found, said = merged([tmp_path / "one", tmp_path / "two"], tmp_path / "all.jsonl")
    assert without_files(found) == without_files(whole)
    assert len(said.notes) == 5 and "is the same as" in said.notes[0]


def changed(table: Path, key: str, **fields: Any) -> None:
    """Change one record of a table."""
    records = [{**each, **fields} if each["image"]["key"] == key else each for each in read(table)]
    table.write_bytes(b"".join(map(line, records)))


def test_timings_are_no_difference_and_results_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_lines(tmp_path / name, KEYS)
    changed(tmp_path / "two" / RECORDS, "c.jpg", seconds={"total": 9.0}, version="0.0.1")
    folders = [tmp_path / "one", tmp_path / "two"]
    found, said = merged(folders, tmp_path / "all.jsonl")
    assert keys(found) == KEYS and said.notes == ("8 identical records are there once",)
    changed(tmp_path / "two" / RECORDS, "c.jpg", predictions=[])
    with pytest.raises(InputError, match=r"different records of 'c\.jpg' in .*one/records\.jsonl and in .*two/"):
        merged(folders, tmp_path / "again.jsonl")
    for keep, number, predicted in (("first", 8, 2), ("last", 8, 0), ("all", 16, 2)):
        found, _ = merged(folders, tmp_path / f"kept-{keep}.jsonl", keep=keep)
        assert len(found) == number
        assert len(next(each for each in found if each["image"]["key"] == "c.jpg")["predictions"]) == predicted


def test_a_failure_gives_way_to_what_was_explained_another_time(tmp_path: Path) -> None:
    write_parts(tmp_path / "one", UNITS, failing=["c.jpg", "d.jpg"])
    write_parts(tmp_path / "two", UNITS, failing=["d.jpg"])
    found, said = merged([tmp_path / "one", tmp_path / "two"], tmp_path / "all.jsonl")
    assert sorted(keys(found)) == sorted(KEYS)
    assert [each["image"]["key"] for each in found if "error" in each] == ["d.jpg"]
    assert any("1 records of failed images are left out" in note for note in said.notes)


def test_the_same_names_in_two_data_sets_are_two_pictures(tmp_path: Path) -> None:
    write_parts(tmp_path / "one", UNITS)
    write_parts(tmp_path / "two", UNITS)
    write_manifest(tmp_path / "two", "other photos")
    found, _ = merged([tmp_path / "one", tmp_path / "two"], tmp_path / "all.jsonl")
    assert keys(found) == [*KEYS, *KEYS]


def test_versions_are_told(tmp_path: Path) -> None:
    write_lines(tmp_path / "one", KEYS)
    changed(tmp_path / "one" / RECORDS, "c.jpg", version="0.0.1")
    _, said = merged([tmp_path / "one"], tmp_path / "all.jsonl")
    assert "by different versions of vitexplain: 0.0.1 (1), " in said.notes[0]
    changed(tmp_path / "one" / RECORDS, "c.jpg", schema="vitexplain/2")
    with pytest.raises(InputError, match="has the schema 'vitexplain/2', expected 'vitexplain/1'"):
        merged([tmp_path / "one"], tmp_path / "again.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl", "one"], "no half table, nothing temporary"


def test_an_entry_of_another_version(tmp_path: Path) -> None:
    write_parts(tmp_path / "run", UNITS)
    (tmp_path / "run/parts/part-00000-00000.json").write_bytes(line({"schema": "vitexplain-part/7"}))
    with pytest.raises(InputError, match="has the schema 'vitexplain-part/7': merge with the version"):
        merged([tmp_path / "run"], tmp_path / "all.jsonl")


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    write_lines(tmp_path / "run", KEYS)
    (tmp_path / "empty").mkdir()
    write_manifest(tmp_path / "begun")
    (tmp_path / "text.jsonl").write_text("no json\n")
    out = str(tmp_path / "all.jsonl")
    for given, error, words in (
        ("none", InputError, "no such folder"),
        ("none.jsonl", InputError, "no such file"),
        ("empty", InputError, r"no batch wrote there, as there is no manifest\.json"),
        ("begun", InputError, "there is no record in it: run the batch first"),
        ("run/manifest.json", UsageError, "give the folder of a batch, or a table"),
        ("text.jsonl", InputError, "record 1 of it is none"),
    ):
        with pytest.raises(error, match=words):
            merge([str(tmp_path / given)], out)
    with pytest.raises(UsageError, match=r"expected the name of a table that ends in \.jsonl or \.parquet"):
        merge([str(tmp_path / "run")], str(tmp_path / "all.csv"))
    merge([str(tmp_path / "run")], out)
    with pytest.raises(OutputError, match="already exists"):
        merge([str(tmp_path / "run")], out)
    with pytest.raises(UsageError, match="is one of the tables to merge"):
        merge([out], out, overwrite=True)
    growing = os.path.relpath(tmp_path / "run/records.jsonl")
    with pytest.raises(UsageError, match="is one of the tables to merge"):
        merge([str(tmp_path / "run")], growing, overwrite=True)
    assert merge([str(tmp_path / "run")], out, overwrite=True).records == 8


def test_the_command(tmp_path: Path) -> None:
    write_lines(tmp_path / "run", KEYS)
    ended = command_line("merge", tmp_path / "run", "-o", tmp_path / "all.jsonl")
    assert (ended.code, ended.out) == (0, f"8 records, 0 of them failed: {tmp_path / 'all.jsonl'}\n")
    ended = command_line("merge", tmp_path / "run", "-o", tmp_path / "all.jsonl")
    assert ended.code == 6 and ended.error_line.endswith("or replace it with --overwrite")
    ended = command_line(
        "merge", tmp_path / "run", "-o", tmp_path / "all.jsonl", "--overwrite", "--json", "--keep", "last"
    )
    assert json.loads(ended.out)["records"] == 8
    assert command_line("merge", tmp_path / "run").code == 2
    assert command_line("merge", tmp_path / "run", "-o", "x.jsonl", "--keep", "none").code == 2
    write_parts(tmp_path / "parts", UNITS, shard=Shard(1, 2))
    ended = command_line("merge", tmp_path / "parts", "-o", tmp_path / "b.jsonl")
    assert ended.code == 3 and "or give --partial" in ended.error_line
    ended = command_line("merge", tmp_path / "parts", "-o", tmp_path / "b.jsonl", "--partial")
    assert ended.code == 0 and "parts are missing" in ended.err


def test_many_records_are_streamed(tmp_path: Path) -> None:
    """Doubles are found among many by one number each; numpy's own unique says how many there are."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 3000, 4000)
    failure = {"schema": "vitexplain/1", "error": {"type": "InputError", "message": "m"}, "seconds": {}, "version": "1"}
    rows = [line({"schema": failure["schema"], "image": {"path": f"{each}.jpg"}, **failure}) for each in chosen]
    (tmp_path / "many.jsonl").write_bytes(b"".join(rows))
    found, said = merged([tmp_path / "many.jsonl"], tmp_path / "all.jsonl")
    _, first = np.unique(chosen, return_index=True)
    assert [each["image"]["path"] for each in found] == [f"{chosen[each]}.jpg" for each in np.sort(first)]
    assert said.notes == (f"{4000 - len(first):,} identical records are there once",)


def test_a_damaged_table_of_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_parts(tmp_path / "run", UNITS)
    merge([str(tmp_path / "run")], str(tmp_path / "whole.parquet"))
    whole = (tmp_path / "whole.parquet").read_bytes()
    for number, damaged in enumerate((whole[:-9], whole[9:], whole[:200] + bytes(400) + whole[600:], b"")):
        (tmp_path / f"{number}.parquet").write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{number}\.parquet: no whole Parquet file") as caught:
            merge([str(tmp_path / f"{number}.parquet")], str(tmp_path / "all.jsonl"))
        assert "\n" not in str(caught.value)
