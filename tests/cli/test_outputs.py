"""`batch` into every kind of output: the same records, the same pictures, and a resumed run completes any of them."""

from __future__ import annotations

import json
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.batch.folder_state import records
from tests.batch.mixed_files import fill
from tests.cli.command_line import Ended, command_line
from tests.output.s3 import s3_server
from vitexplain.output import destination_of
from vitexplain.output.run_folder import MANIFEST


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven small pictures and three broken ones, in folders."""
    folder = tmp_path_factory.mktemp("source") / "photos"
    fill(folder, 11, 3)
    return folder


def batch(model: Path, photos: Path, out: object, *more: object) -> Ended:
    """Run a batch on the tiny model."""
    given = ("-o", out, "--model", model, "-m", "rollout", "-m", "raw", "--workers", 0, "-q")
    return command_line("batch", photos, *given, *more)


def alike(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without its timings and the names of its files."""
    made = {name: value for name, value in record.items() if name != "seconds"}
    if "explanations" in made:
        made["explanations"] = [{**each, "files": None} for each in made["explanations"]]
    return made


@pytest.fixture(scope="module")
def wanted(photos: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of a run with one growing file."""
    out = tmp_path_factory.mktemp("wanted")
    assert batch(tiny_model, photos, out / "run").code == 1
    return [alike(each) for each in records(out / "run")]


def merged(run: object, tmp_path: Path) -> list[dict[str, Any]]:
    """Return the records of a run, merged into one table."""
    table = tmp_path / f"{secrets.token_hex(4)}.jsonl"
    assert command_line("merge", run, "-o", table, "-q").code == 0
    return [json.loads(each) for each in table.read_text().splitlines()]


@pytest.fixture(params=["jsonl", "parquet", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[object, tuple[object, ...]]]:
    """An output, and the options that go with it."""
    if request.param == "jsonl":
        yield tmp_path / "run", ("--part-size", 4)
    elif request.param == "parquet":
        pytest.importorskip("pyarrow")
        yield tmp_path / "run", ("--part-size", 4, "--format", "parquet")
    elif request.param == "memory":
        pytest.importorskip("fsspec")
        yield f"memory://{secrets.token_hex(4)}/run", ("--part-size", 4)
    else:
        pytest.importorskip("pyarrow")
        with s3_server("bucket"):
            yield "s3://bucket/deep/run", ("--part-size", 4, "--format", "parquet", "--overlays", "tar", "--npy")


def test_every_output_holds_the_same_records(
    place: tuple[object, tuple[object, ...]],
    wanted: list[dict[str, Any]],
    photos: Path,
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    out, options = place
    ended = batch(tiny_model, photos, out, *options)
    assert (ended.code, ended.out) == (1, f"11 explained, 3 failed: {out}/parts\n")
    assert [alike(each) for each in merged(out, tmp_path)] == wanted
    again = batch(tiny_model, photos, out, *options)
    assert again.code == 1 and again.out == ended.out
    # Nothing but what the entries, the records and the batch itself name.
    destination = destination_of(str(out))
    names = [name for name in destination.names("") if name.startswith(("parts/", "pictures/", "scores/"))]
    assert len([name for name in names if name.endswith(".json") and name.startswith("parts/")]) == 4
    assert not [name for name in destination.names("") if name.endswith(".tmp")]
    destination.remove("parts/part-00000-00002.json")
    assert batch(tiny_model, photos, out, *options).out == ended.out
    assert [alike(each) for each in merged(out, tmp_path)] == wanted
    assert set(names) <= set(destination.names(""))
    assert batch(tiny_model, photos, out, *options, "--restart").out == ended.out
    assert [alike(each) for each in merged(out, tmp_path)] == wanted
    assert set(names) <= set(destination.names(""))


def test_a_bucket_fails_for_a_while_and_a_later_run_completes(
    wanted: list[dict[str, Any]], photos: Path, tiny_model: Path, tmp_path: Path
) -> None:
    options = ("--part-size", 3, "--overlay", "webp")
    with s3_server("bucket") as store:
        for writes in (0, 1, 4, 9, 14):
            store.writes = writes
            ended = batch(tiny_model, photos, "s3://bucket/run", *options)
            assert ended.code == 6, "500 is an error of the output"
            said = ended.err.splitlines()[-1]
            assert said.startswith("error: s3://bucket/run") and said.endswith("again later to resume")
            assert "Traceback" not in ended.err
            store.writes = None
        assert batch(tiny_model, photos, "s3://bucket/run", *options).code == 1
        assert [alike(each) for each in merged("s3://bucket/run", tmp_path)] == wanted
        named = {
            file
            for record in merged("s3://bucket/run", tmp_path)
            for each in record.get("explanations", ())
            for file in each["files"].values()
        }
        keys = {f"s3://bucket/{key}" for key in store.keys("bucket")}
        assert {key for key in keys if "/pictures/" in key} == named


def test_a_store_that_is_gone_for_a_moment_costs_no_picture(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library raises classes of its own, which are no OSError."""
    memory = pytest.importorskip("fsspec").get_filesystem_class("memory")
    send, gone = memory.pipe_file, [True]

    def pipe_file(self: Any, path: str, *more: Any, **named: Any) -> None:
        if "/pictures/" in path and gone:
            gone.clear()
            raise RuntimeError("connection closed")
        send(self, path, *more, **named)

    monkeypatch.setattr(memory, "pipe_file", pipe_file)
    out = f"memory://{secrets.token_hex(4)}/run"
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6 and "connection closed" in ended.err.splitlines()[-1]
    assert batch(tiny_model, photos, out).out.startswith("11 explained, 3 failed")


def test_a_merged_table_in_a_bucket(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    with s3_server("bucket") as store:
        assert batch(tiny_model, photos, tmp_path / "run").code == 1
        assert command_line("merge", tmp_path / "run", "-o", "s3://bucket/tables/all.jsonl", "-q").code == 0
        assert store.keys("bucket") == ["tables/all.jsonl"]
        assert len(merged("s3://bucket/tables/all.jsonl", tmp_path)) == 14


def test_parts_without_their_manifest_do_not_count(photos: Path, tiny_model: Path) -> None:
    pytest.importorskip("fsspec")
    out = f"memory://{secrets.token_hex(4)}/run"
    assert batch(tiny_model, photos, out).code == 1
    destination_of(out).remove(MANIFEST)
    ended = batch(tiny_model, photos, out, "--top-k", 1)
    assert ended.code == 6 and "parts already exists, without the manifest of a batch" in ended.error_line


def test_what_is_wrong_with_a_place(photos: Path, tiny_model: Path) -> None:
    with s3_server("bucket"):
        ended = batch(tiny_model, photos, "s3://other/run")
        assert ended.code == 6 and "make the bucket or folder first, or give another with --out" in ended.error_line
    for out, code, words in (
        ("carrier://pigeon", 2, "nothing is known of carrier://"),
        ("https://example.org/run", 2, "https:// is only read"),
    ):
        ended = batch(tiny_model, photos, out)
        assert ended.code == code and words in ended.error_line


def test_what_ends_with_the_process_is_said(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    for out in (f"memory://{secrets.token_hex(4)}/run", tmp_path / "run"):
        ended = command_line("batch", photos, "--model", tiny_model, "-m", "raw", "--workers", 0, "-o", out)
        assert ("memory:// is gone when this process ends" in ended.err) == (out != tmp_path / "run")


def test_a_missing_extra_is_named_before_any_work(
    photos: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    ended = batch(tmp_path / "no_model", photos, tmp_path / "run", "--format", "parquet")
    assert ended.code == 4 and ended.error_line.endswith("pip install 'vitexplain[parquet]'")
    assert not (tmp_path / "run").exists()
    ended = batch(tiny_model, photos, "s3://bucket/run")
    assert ended.code == 4 and ended.error_line.endswith("pip install 'vitexplain[remote]'")
    (tmp_path / "a.jsonl").write_bytes(b"")
    ended = command_line("merge", tmp_path / "a.jsonl", "-o", tmp_path / "a.parquet")
    assert ended.code == 4 and ended.error_line.endswith("pip install 'vitexplain[parquet]'")


@pytest.mark.parametrize(("overlay", "ending"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")])
def test_kinds_of_overlay(overlay: str, ending: str, photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    assert batch(tiny_model, photos, tmp_path / "run", "--overlay", overlay).code == 1
    for record in records(tmp_path / "run"):
        for each in record.get("explanations", ()):
            name = each["files"]["overlay"]
            assert name.endswith(f".{ending}")
            with Image.open(tmp_path / "run" / name) as image:
                assert image.format == {"jpg": "JPEG"}.get(ending, ending.upper())
    ended = batch(tiny_model, photos, tmp_path / "run", "--overlay", "none")
    assert ended.code == 2 and "write overlay" in ended.error_line, "another kind is another batch"
    # What it wrote is no picture to explain.
    ended = batch(tiny_model, tmp_path / "run", tmp_path / "again")
    assert ended.code == 3 and "no picture" in ended.error_line


def test_no_overlay(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    assert batch(tiny_model, photos, tmp_path / "run", "--overlay", "none").code == 1
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"lock", MANIFEST, "records.jsonl"}
    ended = batch(tiny_model, photos, tmp_path / "other", "--overlay", "gif")
    assert ended.code == 2 and "expected png, jpeg, webp, svg, pdf, none" in ended.error_line
    ended = batch(tiny_model, photos, tmp_path / "other", "--overlay", "none", "--outline")
    assert ended.code == 2 and "no overlay is drawn" in ended.error_line


def test_tars_and_npz(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert batch(tiny_model, photos, run, "--overlays", "tar", "--npy", "--part-size", 5).code == 1
    assert sorted(path.name for path in (run / "pictures").iterdir()) == [f"00000-0000{part}.tar" for part in range(3)]
    lines = [line for part in sorted(run.glob("parts/*.jsonl")) for line in part.read_text().splitlines()]
    for record in map(json.loads, lines):
        for each in record.get("explanations", ()):
            tar_name, _, member = each["files"]["overlay"].partition(".tar/")
            with tarfile.open(run / f"{tar_name}.tar", errors="surrogateescape") as tar:
                drawn = tar.extractfile(member)
                assert drawn is not None
                Image.open(drawn).load()
            npz_name, _, member = each["files"]["npy"].partition(".npz/")
            with np.load(run / f"{npz_name}.npz") as scores:
                assert scores[member.removesuffix(".npy")].tolist() == np.float32(each["scores"]).tolist()
    ended = batch(tiny_model, photos, run, "--overlays", "files", "--npy", "--part-size", 5)
    assert ended.code == 2 and "layout overlays tar, now files" in ended.error_line
    assert command_line("report", run, "-q").code == 0


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("folders", [("run", "run"), ("one", "two")])
def test_two_shards_merged_are_one_run(
    form: str, folders: tuple[str, str], wanted: list[dict[str, Any]], photos: Path, tiny_model: Path, tmp_path: Path
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    for number, folder in enumerate(folders, 1):
        options = ("--shard", f"{number}/2", "--part-size", 3, "--format", form)
        assert batch(tiny_model, photos, tmp_path / folder, *options).code in (0, 1)
    table = tmp_path / f"all.{form}"
    given = [tmp_path / folder for folder in dict.fromkeys(folders)]
    ended = command_line("merge", *given, "-o", table)
    assert (ended.code, ended.out) == (0, f"14 records, 3 of them failed: {table}\n"), ended.err
    assert [alike(each) for each in merged(table, tmp_path)] == wanted
    if folders[0] != folders[1]:
        assert command_line("merge", given[0], "-o", tmp_path / f"half.{form}").code == 3
