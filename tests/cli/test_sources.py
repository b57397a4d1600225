"""`batch` over every kind of source: the same records, labels that become an accuracy, resumed as ever."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import table_at, tar_of
from tests.batch.sources.same_records import FILE_WAYS, explain, records, write_all
from tests.cli.command_line import Ended, command_line
from tests.tiny_folder import LABELS
from vitexplain.output import schema
from vitexplain.result import Failure, Result, dump


def batch(model: Path, out: Path, *arguments: object, stdin: bytes = b"") -> Ended:
    return command_line("batch", *arguments, "-o", out, "--model", model, "-m", "raw", "--workers", 0, stdin=stdin)


def written(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "records.jsonl").read_bytes().splitlines()]


def test_the_same_files_as_folder_tar_and_table_have_the_same_records(tmp_path: Path, tiny_model: Path) -> None:
    assert len(FILE_WAYS) >= 25
    found = {}
    for kind, source in write_all(tmp_path, 30, len(FILE_WAYS)).items():
        ended = explain(source, tmp_path / kind, tiny_model)
        assert ended.code == 1, ended.err
        assert f"30 explained, {len(FILE_WAYS)} failed" in ended.out
        found[kind] = list(records(tmp_path / kind))
    first = found.pop("folder")
    assert len(first) == 30 + len(FILE_WAYS)
    for kind, others in found.items():
        assert others == first, kind


def test_labels_become_truths_and_an_accuracy(tmp_path: Path, tiny_model: Path) -> None:
    """The labels are those that the model predicts, but for two: one wrong, one that is no class."""
    pictures = {f"{number}.png": encoded("PNG", number) for number in range(6)}
    (tmp_path / "plain.tar").write_bytes(tar_of(pictures.items()))
    batch(tiny_model, tmp_path / "first", tmp_path / "plain.tar")
    predicted = [record["predictions"][0] for record in written(tmp_path / "first")]
    given: list[str | int] = [each["label"] for each in predicted]
    given[1] = predicted[1]["index"]
    given[2] = predicted[2]["label"].upper()
    given[4] = LABELS[(predicted[4]["index"] + 1) % len(LABELS)]
    given[5] = "baobab"
    members = [*pictures.items(), *((f"{number}.cls", f"{label}\n".encode()) for number, label in enumerate(given))]
    (tmp_path / "x.tar").write_bytes(tar_of(members))
    out = tmp_path / "out"
    ended = batch(tiny_model, out, tmp_path / "x.tar")
    words = "accuracy 80.0%: 4 of 5 first predictions are the label of the picture; 1 label is no class of the model"
    assert ended.code == 0 and words in ended.err
    assert words in batch(tiny_model, out, tmp_path / "x.tar").err, "nothing is left, and it is said again"
    truths = [record["truth"] for record in written(out)]
    names = [{name: each[name] for name in ("index", "label", "id")} for each in predicted]
    expected = [{"given": str(label), **named} for label, named in zip(given, names, strict=True)]
    other = LABELS.index(str(given[4]))
    expected[4] = {"given": given[4], "index": other, "label": given[4], "id": None}
    expected[5] = {"given": "baobab", "index": None, "label": None, "id": None}
    assert truths == expected
    for record in written(out):
        jsonschema.validate(record, schema())
        again = Result.from_record(record).to_record([each["files"] for each in record["explanations"]])
        assert dump(again) == dump(record)
    assert "truth" not in written(tmp_path / "first")[0]


def test_a_failed_image_keeps_its_key(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of([("a/bad.png", b"no picture"), ("a/good.png", encoded("PNG", 1))]))
    assert batch(tiny_model, tmp_path / "out", tmp_path / "x.tar").code == 1
    bad, good = written(tmp_path / "out")
    assert bad["image"] == {"path": f"{tmp_path}/x.tar/a/bad.png", "key": "a/bad.png"}
    assert good["image"]["key"] == "a/good.png"
    jsonschema.validate(bad, schema())
    assert Failure.from_record(bad).to_record() == bad


def test_a_tar_cut_short_is_done_as_far_as_it_goes_and_resumed_when_it_is_whole(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = tar_of((f"{number}.png", encoded("PNG", number)) for number in range(6))
    source, out = tmp_path / "x.tar", tmp_path / "out"
    source.write_bytes(data[:7000])
    ended = batch(tiny_model, out, source)
    assert ended.code == 1 and "1 failed" in ended.out
    *good, bad = written(out)
    assert "cut short" in bad["error"]["message"] and good
    source.write_bytes(data)
    ended = batch(tiny_model, out, source, "--retry")
    assert ended.code == 0 and "6 explained, 0 failed" in ended.out
    assert [record["image"]["key"] for record in written(out)] == [f"{number}.png" for number in range(6)]


def test_several_sources_and_a_list_from_standard_input(tmp_path: Path, tiny_model: Path) -> None:
    for name in ("photos/a.png", "photos/birds/b.jpg", "photos/birds/c.png", "lone.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG", 1))
    (tmp_path / "x.tar").write_bytes(tar_of([("a.png", encoded("PNG", 2))]))
    out, names = tmp_path / "out", b"\0".join(os.fsencode(tmp_path / name) for name in ("lone.png", "gone.png"))
    asked = (tmp_path / "photos", tmp_path / "x.tar", "--from", "-", "-0", "--exclude", "*.jpg")
    ended = batch(tiny_model, out, *asked, stdin=names)
    assert ended.code == 1 and "4 explained, 1 failed, 1 other file skipped" in ended.out
    keys = ["photos/a.png", "photos/birds/c.png", f"{tmp_path}/lone.png"[1:], f"{tmp_path}/gone.png"[1:], "x.tar/a.png"]
    assert [record["image"]["key"] for record in written(out)] == keys
    assert (out / "photos/birds/c.png").is_file() and (out / "x.tar/a.png").is_file()
    assert "nothing left to do" in batch(tiny_model, out, *asked, stdin=names).err
    ended = batch(tiny_model, out, *asked[:-2], stdin=names)
    assert ended.code == 2 and "other settings: input" in ended.error_line


def test_options_that_do_not_fit_are_refused_before_a_model_is_loaded(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of([("a.png", encoded("PNG", 1))]))
    for arguments, words in [
        ((), "give a folder, files, a tar, a table, or a list with --from"),
        ((tmp_path / "x.tar", "-0"), "--null is about a list of sources: give one with --from"),
        ((tmp_path / "x.tar", "--class-from", "kind"), "--class-from kind: no picture of"),
        ((tmp_path / "x.tar", "--image-column", "x"), "--image-column x is about tables"),
        (("-",), "give a list with --from -"),
    ]:
        ended = batch(tiny_model, tmp_path / "out", *arguments)
        assert ended.code == 2 and words in ended.error_line, ended.error_line
        assert not (tmp_path / "out").exists()


def test_a_table_without_pictures(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    ended = batch(tiny_model, tmp_path / "out", table_at(tmp_path / "x.parquet", {"id": [1], "text": ["x"]}))
    assert ended.code == 3 and "id (int64), text (string)" in ended.error_line
    two = table_at(tmp_path / "two.parquet", {"a": [encoded("PNG", 1)], "b": [encoded("PNG", 1)]})
    ended = batch(tiny_model, tmp_path / "out", two)
    assert ended.code == 2 and "choose one with --image-column" in ended.error_line
    assert batch(tiny_model, tmp_path / "out", two, "--image-column", "b").code == 0


def test_a_remote_folder(tmp_path: Path, tiny_model: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
    store = fsspec.filesystem("memory")
    store.pipe("/batch/photos/elm/a.png", encoded("PNG", 1))
    store.pipe("/batch/photos/oak/b.png", encoded("PNG", 2))
    try:
        ended = batch(tiny_model, tmp_path / "out", "memory://batch/photos", "--class-from", "parent")
    finally:
        store.rm("/batch", recursive=True)
    assert ended.code == 0 and "of 2 first predictions" in ended.err
    assert [record["image"]["key"] for record in written(tmp_path / "out")] == ["elm/a.png", "oak/b.png"]
    assert [record["truth"]["given"] for record in written(tmp_path / "out")] == ["elm", "oak"]


def test_parts_and_shards_over_several_containers(tmp_path: Path, tiny_model: Path) -> None:
    """Two shards of the same folder, resumed; the counts of labels are those of all parts."""
    members = [(f"{number}.png", encoded("PNG", number)) for number in range(5)]
    members += [(f"{number}.cls", b"elm") for number in range(5)]
    data = tar_of(sorted(members))
    (tmp_path / "one.tar").write_bytes(data)
    with tarfile.open(tmp_path / "one.tar") as archive:
        (tmp_path / "two.tar").write_bytes(data[: archive.getmember("3.png").offset_data + 100])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(encoded("PNG", 9))
    sources = (tmp_path / "two.tar", tmp_path / "photos", tmp_path / "one.tar")
    out = tmp_path / "out"
    for shard in ("1/2", "2/2"):
        batch(tiny_model, out, *sources, "--part-size", "2", "--shard", shard)
    ended = batch(tiny_model, out, *sources, "--part-size", "2")
    assert "nothing left to do" in ended.err
    lines = [line for path in sorted((out / "parts").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    found = [json.loads(line) for line in lines]
    cut = [record for record in found if "error" in record]
    whole = [record for record in found if "truth" in record or record["image"]["key"] == "photos/a.png"]
    assert len(cut) == 1 and "cut short" in cut[0]["error"]["message"] and len(cut) + len(whole) == len(found)
    assert [record["image"]["key"] for record in found] == [
        "photos/a.png",
        *(f"two.tar/{number}.png" for number in range(len(found) - 6)),
        *(f"one.tar/{number}.png" for number in range(5)),
    ]
    right = sum(record["predictions"][0]["label"] == "elm" for record in whole if "truth" in record)
    assert f"{right} of {len(whole) - 1} first predictions are the label" in ended.err


def test_the_judge_takes_the_same_sources(tmp_path: Path, tiny_model: Path) -> None:
    pictures = {f"{number}.png": encoded("PNG", number) for number in range(3)}
    (tmp_path / "photos").mkdir()
    for name, data in pictures.items():
        (tmp_path / "photos" / name).write_bytes(data)
    (tmp_path / "x.tar").write_bytes(tar_of(pictures.items()))
    (tmp_path / "boxes.tsv").write_text("".join(f"{name}\telm\t0\t0\t9\t9\n" for name in pictures))
    found = []
    for source in ("photos", "x.tar"):
        asked = (tmp_path / source, "--model", tiny_model, "-m", "raw", "--boxes", tmp_path / "boxes.tsv", "--json")
        ended = command_line("evaluate", *asked, "--metric", "pointing", "--metric", "energy")
        assert ended.code == 0, ended.err
        found.append(ended.out.replace(f"{tmp_path / source}/", ""))
    assert found[0] == found[1] and '"energy"' in found[0]
    ended = command_line("evaluate", tmp_path / "none.tar", "--model", tiny_model)
    assert ended.code == 3 and "none.tar: no such file" in ended.error_line


def test_labels_stand_in_tables_of_records_as_they_do_in_lines(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from vitexplain.batch.sinks.tables import TABLES

    rows = {"image": [encoded("PNG", number) for number in range(4)], "label": [3, 99, None, 0]}
    source = table_at(tmp_path / "x.parquet", rows)
    batch(tiny_model, tmp_path / "lines", source)
    batch(tiny_model, tmp_path / "parts", source, "--format", "parquet")
    (table,) = (tmp_path / "parts/parts").glob("*.parquet")
    found = TABLES["parquet"].decode(table.read_bytes())
    assert [record.get("truth") for record in found] == [record.get("truth") for record in written(tmp_path / "lines")]
    assert [record["image"]["key"] for record in found] == ["0", "1", "2", "3"]
    assert [record.get("truth", {}).get("index") for record in found] == [3, None, None, 0]


def test_a_store_that_fails_ends_the_run_in_one_line_and_the_same_command_does_the_rest(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
    from tests.batch.sources.counted_store import Counted

    monkeypatch.setattr("vitexplain.batch.sources.remote.PAUSES", (0.0, 0.0))
    fsspec.register_implementation("counted", Counted, clobber=True)
    pictures = {f"{number}.png": encoded("PNG", number) for number in range(4)}
    for name in ("one.tar", "two.tar"):
        Counted().pipe(f"/x/{name}", tar_of(pictures.items()))
    asked = ("counted://x/*.tar", "--part-size", "2")
    try:
        batch(tiny_model, tmp_path / "whole", *asked)
        Counted.failing = "/x/two.tar"
        ended = batch(tiny_model, tmp_path / "out", *asked)
        assert ended.code == 3 and "counted://x/two.tar: the store does not give it (500" in ended.error_line
        Counted.failing = None
        ended = batch(tiny_model, tmp_path / "out", *asked)
        assert ended.code == 0 and "8 explained, 0 failed" in ended.out
    finally:
        Counted.empty()
    names = sorted(path.name for path in (tmp_path / "whole/parts").glob("*.jsonl"))
    assert len(names) == 4
    for name in names:
        one, other = (
            [{**json.loads(line), "seconds": 0} for line in (tmp_path / out / "parts" / name).read_text().splitlines()]
            for out in ("whole", "out")
        )
        assert one == other
