"""Numbered parts: each whole with its entry or not there; resumed, retried, shared by shards, grown, begun anew."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.batch.folder_state import assert_same, overlays, pictures, records, tables
from tests.batch.mixed_files import encoded
from tests.cli.command_line import Ended, command_line
from vitexplain.batch import engine
from vitexplain.batch.sinks.parts import PartsSink
from vitexplain.errors import ModelError
from vitexplain.output import FolderDestination, atomic
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS
from vitexplain.pipeline import explain_batch

COUNT, SIZE = 11, 4


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eleven files in two folders, numbers 2 and 9 of which are no pictures."""
    for number in range(COUNT):
        path = tmp_path / "photos" / f"{'ab'[number // 6]}/{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture" if number in (2, 9) else encoded("PNG", number))
    return tmp_path / "photos"


def batch(model: Path, folder: Path, out: Path, *more: object) -> Ended:
    """Run a batch by rollout in parts of four images, unless `more` says something else."""
    size = () if "--part-size" in more or "--shard" in more else ("--part-size", SIZE)
    given = ("--model", model, "--workers", 0, "-q", "-m", "rollout", "--batch-size", 2, *size)
    return command_line("batch", folder, "-o", out, *given, *more)


def lines(model: Path, folder: Path, out: Path, *more: object) -> Ended:
    """Run the same in one growing file."""
    given = ("--model", model, "--workers", 0, "-m", "rollout", "--batch-size", 2)
    return command_line("batch", folder, "-o", out, *given, *more)


def plain(record: Mapping[str, Any]) -> str:
    """Return a record as it is written, without timings."""
    return json.dumps({key: value for key, value in record.items() if key != "seconds"})


def without_files(record: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plain(record))
    for explanation in found.get("explanations", ()):
        del explanation["files"]
    return found


def stamps(out: Path) -> dict[str, int]:
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def part(out: Path, number: int, ending: str = ".json") -> Path:
    return out / f"parts/part-00000-{number:05}{ending}"


def test_the_same_records_and_pictures_as_in_one_growing_file(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, one = tmp_path / "out", tmp_path / "one"
    ended = batch(tiny_model, photos, out)
    assert ended.code == 1 and f"9 explained, 2 failed: {out / 'parts'}" in ended.out
    assert lines(tiny_model, photos, one).code == 1
    found = records(out)
    assert [record["image"]["key"] for record in found] == [f"{'ab'[n // 6]}/{n:02}.png" for n in range(COUNT)]
    assert list(map(without_files, found)) == list(map(without_files, records(one)))
    assert set(pictures(out)) == overlays(out)
    assert sorted(pictures(out).values()) == sorted(pictures(one).values())
    assert [json.loads(part(out, number).read_bytes())["images"] for number in range(3)] == [4, 4, 3]
    assert not (out / RECORDS).exists()


@pytest.mark.parametrize("apart", [False, True])
def test_two_shards_are_one_run_byte_for_byte(photos: Path, tmp_path: Path, tiny_model: Path, apart: bool) -> None:
    whole, first = tmp_path / "whole", tmp_path / "first"
    second = tmp_path / "second" if apart else first
    assert batch(tiny_model, photos, whole).code == 1
    one = batch(tiny_model, photos, first, "--shard", "1/2", "--part-size", SIZE)
    two = batch(tiny_model, photos, second, "--shard", "2/2", "--part-size", SIZE)
    assert (one.code, two.code) == (1, 0)
    assert "5 explained, 2 failed" in one.out and "4 explained, 0 failed" in two.out
    if apart:
        assert len(tables(first)) == 2 and len(tables(second)) == 1
        one_manifest, two_manifest = (json.loads((out / MANIFEST).read_bytes()) for out in (first, second))
        assert one_manifest["layout"] == {"kind": "parts", "part_size": SIZE, "format": "jsonl", "overlays": "files"}
        assert {**one_manifest, "seal": ""} == {**two_manifest, "seal": ""}
        shutil.copytree(second, first, dirs_exist_ok=True)
    assert list(map(plain, records(first))) == list(map(plain, records(whole)))
    assert pictures(first) == pictures(whole)
    assert {path.name for path in first.iterdir()} == {LOCK, MANIFEST, "parts", "pictures"}


def test_what_is_whole_is_left_alone_and_the_rest_done_again(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    assert batch(tiny_model, photos, undisturbed).code == 1
    shutil.copytree(undisturbed, out)
    before = stamps(out)
    assert "9 explained, 2 failed" in batch(tiny_model, photos, out).out
    assert stamps(out) == {**before, LOCK: stamps(out)[LOCK]}
    # A part whose entry is missing, with a picture that no record names; one whose table is shorter than it says.
    part(out, 0).unlink()
    (out / "pictures/00000-00000/a/left.png").write_bytes(b"left by a killed run")
    part(out, 1, ".jsonl").write_bytes(part(out, 1, ".jsonl").read_bytes()[:-1])
    (out / "vitexplain-1-abc.tmp").write_bytes(b"left by a killed run")
    assert batch(tiny_model, photos, out).code == 1
    assert_same(out, undisturbed)
    assert not list(out.glob("*.tmp"))
    untouched = [name for name in before if "00000-00002" in name]
    assert len(untouched) == 4 and all(stamps(out)[name] == before[name] for name in untouched)


def test_failed_images_are_tried_again_and_the_others_kept(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, photos, out).code == 1
    before = stamps(out)
    (photos / "a/02.png").write_bytes(encoded("PNG", 2))
    assert "9 explained, 2 failed" in batch(tiny_model, photos, out).out
    assert stamps(out) == {**before, LOCK: stamps(out)[LOCK]}
    # Killed over it: its picture is there, its record is not, and nothing was put in order.
    with monkeypatch.context() as context:
        context.setattr(PartsSink, "write", killed)
        context.setattr(PartsSink, "close", lambda _: None)
        batch(tiny_model, photos, out, "--retry")
    assert (out / "pictures/00000-00000/a/02.png").exists()
    assert json.loads(part(out, 0).read_bytes())["again"]
    assert "10 explained, 1 failed" in batch(tiny_model, photos, out).out
    assert records(out)[2]["image"]["sha256"]
    assert set(pictures(out)) == overlays(out)
    changed = {name for name, stamp in stamps(out).items() if before.get(name) != stamp}
    assert changed - {LOCK} == {f"parts/part-00000-00000.json{end}" for end in ("", "l")} | {
        "pictures/00000-00000/a/02.png"
    }


def test_a_source_that_grew_at_its_end_is_gone_on_with(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    assert batch(tiny_model, photos, out).code == 1
    before = stamps(out)
    for number in (97, 98, 99):
        (photos / f"b/{number}.png").write_bytes(encoded("PNG", number))
    assert "12 explained, 2 failed" in batch(tiny_model, photos, out).out
    assert batch(tiny_model, photos, undisturbed).code == 1
    assert_same(out, undisturbed)
    changed = {name for name, stamp in stamps(out).items() if name in before and before[name] != stamp}
    assert changed - {LOCK} == {"parts/part-00000-00002.json", "parts/part-00000-00002.jsonl"}


@pytest.mark.parametrize("left", [0.0, 0.1, 0.3, 0.45, 0.7, 0.95])
def test_a_whole_tar_takes_the_place_of_one_that_was_cut_short(
    photos: Path, tmp_path: Path, tiny_model: Path, left: float
) -> None:
    for name in ("whole.tar", "good.tar"):
        with tarfile.open(tmp_path / name, "w") as tar:
            for number in range(COUNT):
                tar.add(photos / f"{'ab'[number // 6]}/{number:02}.png", f"{number:02}.png")
    whole, cut, out = (tmp_path / "whole.tar").read_bytes(), tmp_path / "whole.tar", tmp_path / "out"
    cut.write_bytes(whole[: int(left * len(whole)) or 100])
    given = (tmp_path / "good.tar", "--part-size", 3, "--retry")
    assert batch(tiny_model, cut, out, *given).code == 1
    assert batch(tiny_model, cut, out, *given).code == 1
    cut.write_bytes(whole)
    assert batch(tiny_model, cut, out, *given).code == 1
    batch(tiny_model, cut, tmp_path / "other", *given)
    assert list(map(plain, records(out))) == list(map(plain, records(tmp_path / "other")))
    assert set(pictures(out)) == overlays(out) == overlays(tmp_path / "other")


@pytest.mark.parametrize("change", ["first", "fewer", "far fewer"])
def test_a_source_that_changed_is_refused(photos: Path, tmp_path: Path, tiny_model: Path, change: str) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, photos, out).code == 1
    if change == "first":
        (photos / "a/000.png").write_bytes(encoded("PNG", 50))
    for number in {"first": (), "fewer": (10,), "far fewer": (8, 9, 10)}[change]:
        (photos / f"b/{number:02}.png").unlink()
    before = stamps(out)
    ended = batch(tiny_model, photos, out)
    assert ended.code == 2
    assert "the source has changed since part 00000-0000" in ended.error_line and "--restart" in ended.error_line
    assert {**stamps(out), LOCK: 0} == {**before, LOCK: 0}
    assert batch(tiny_model, photos, out, "--restart").code == 1
    assert set(pictures(out)) == overlays(out)


def test_one_growing_file_goes_on_in_parts_and_stays_there(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    hidden = photos / "b"
    hidden.rename(tmp_path / "hidden")
    assert lines(tiny_model, photos, out).code == 1
    (tmp_path / "hidden").rename(hidden)
    growing = (out / RECORDS).read_bytes()
    (out / RECORDS).write_bytes(growing[:-20])  # the last line is torn
    one = batch(tiny_model, photos, out, "--shard", "1/2", "--part-size", SIZE)
    assert one.code == 1 and "5 explained, 2 failed" in one.out
    assert "9 explained, 2 failed" in lines(tiny_model, photos, out).out
    assert (out / RECORDS).read_bytes().count(b"\n") == 5
    assert [len(path.read_bytes().splitlines()) for path in tables(out)] == [5, 3, 3]
    found = [record["image"]["key"] for record in records(out)]
    assert len(found) == len(set(found)) == COUNT
    assert set(pictures(out)) == overlays(out)
    assert "nothing left" in lines(tiny_model, photos, out).err


def test_other_parts_are_refused_by_name(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, photos, out).code == 1
    ended = batch(tiny_model, photos, out, "--part-size", 5)
    assert ended.code == 2 and "layout part_size 4, now 5" in ended.error_line
    ended = batch(tiny_model, photos, out, "--shard", "1/2", "--restart")
    assert ended.code == 2 and f"remove {out}, then start them without it" in ended.error_line
    ended = batch(tiny_model, photos, out, "--shard", "3/2")
    assert ended.code == 2 and "expected I/N" in ended.error_line
    shutil.rmtree(out)
    both = [command_line("batch", photos, "-o", out, "--model", tiny_model, "--shard", f"{n}/2") for n in (1, 2)]
    assert [each.code for each in both] == [1, 0] and len(records(out)) == COUNT
    assert "no image is to be explained here" in both[1].err and "smaller --part-size" in both[1].err


def test_a_shard_is_told_to_start_all_of_them_again(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    share = ("--part-size", SIZE, "--shard")
    assert batch(tiny_model, photos, out, *share, "1/2").code == 1
    other = batch(tiny_model, photos, out, *share, "1/2", "--top-k", 2)
    (photos / "a/00.png").unlink()
    fewer = batch(tiny_model, photos, out, *share, "1/2")
    for ended in (other, fewer):
        assert ended.code == 2 and f"remove {out} and start every shard again" in ended.error_line
        assert "restart" not in ended.error_line
    shutil.rmtree(out)
    for number in (1, 2):
        batch(tiny_model, photos, out, *share, f"{number}/2", "--top-k", 2)
    assert len(records(out)) == COUNT - 1


def test_begun_anew_in_another_layout(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, photos, out).code == 1
    (out / "pictures/mine.png").write_bytes(b"mine")
    assert lines(tiny_model, photos, out, "--restart", "--top-k", 2).code == 1
    assert [path.name for path in sorted(out.iterdir())] == ["a", "b", LOCK, MANIFEST, "pictures", RECORDS]
    assert [path.name for path in (out / "pictures").iterdir()] == ["mine.png"]


def test_a_signal_leaves_whole_parts_only(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    calls = []

    def explain_and_signal(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return explain_batch(*arguments, **keywords)

    with monkeypatch.context() as context:
        context.setattr(engine, "explain_batch", explain_and_signal)
        ended = batch(tiny_model, photos, out)
    assert ended.code == 130
    assert "3 explained, 1 failed" in ended.out and "7 images left: run the same command again" in ended.err
    assert len(records(out)) == 4
    assert set(pictures(out)) == overlays(out)
    assert batch(tiny_model, photos, out).code == batch(tiny_model, photos, undisturbed).code == 1
    assert_same(out, undisturbed)


def test_json_is_the_records_that_are_kept(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def fails_at_the_end(model: Any, images: Any, *more: Any, **keywords: Any) -> Any:
        if images[0][0].path.endswith("08.png"):
            raise KeyboardInterrupt
        return explain_batch(model, images, *more, **keywords)

    with monkeypatch.context() as context:
        context.setattr(engine, "explain_batch", fails_at_the_end)
        first = batch(tiny_model, photos, out, "--json")
    assert first.out.encode() == b"".join(path.read_bytes() for path in tables(out))
    second = batch(tiny_model, photos, out, "--json")
    assert (first.out + second.out).encode() == b"".join(path.read_bytes() for path in tables(out))


@pytest.mark.parametrize("kind", ["pictures", "table", "entry"])
def test_a_full_disk_costs_no_whole_part(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    name = {"pictures": "pictures/00000-00001/", "table": "00000-00001.jsonl", "entry": "00000-00001.json"}[kind]
    put, write, here = FolderDestination.put, atomic._write, threading.local()

    def note(destination: FolderDestination, given: str, data: bytes | Path) -> None:
        here.name = given
        put(destination, given, data)

    def full(path: Path, data: bytes) -> None:
        given = getattr(here, "name", "")
        if given.startswith(name) or given.endswith(name):
            write(path, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    with monkeypatch.context() as context:
        context.setattr(FolderDestination, "put", note)
        context.setattr(atomic, "_write", full)
        ended = batch(tiny_model, photos, out)
    assert ended.code == 6 and "No space left on device; free some space" in ended.err.splitlines()[-1]
    # the last part may be whole before the disk is full for the middle one, which waits for its pictures' threads
    assert {path.stem for path in tables(out)} - {"part-00000-00002"} == {"part-00000-00000"}
    assert not list(out.glob("*.tmp"))
    assert batch(tiny_model, photos, out).code == batch(tiny_model, photos, undisturbed).code == 1
    assert_same(out, undisturbed)


def test_a_folder_that_vanishes_in_mid_run(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write, count = PartsSink.write, []

    def remove_at_sixth(sink: PartsSink, given: Any, record: Any) -> Any:
        count.append(1)
        if len(count) == 6:
            shutil.rmtree(out, ignore_errors=True)
        return write(sink, given, record)

    with monkeypatch.context() as context:
        context.setattr(PartsSink, "write", remove_at_sixth)
        ended = batch(tiny_model, photos, out)
    assert ended.code == 6 and "was removed while it was written" in ended.err.splitlines()[-1]
    assert batch(tiny_model, photos, out).code == 1
    assert set(pictures(out)) == overlays(out)


def test_a_model_that_fails_at_once_leaves_the_folder_free(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def fails(*_arguments: Any, **_keywords: Any) -> Any:
        raise ModelError("scores that are not finite")

    with monkeypatch.context() as context:
        context.setattr(engine, "explain_batch", fails)
        assert batch(tiny_model, photos, out).code == 4
    assert [path.name for path in out.iterdir()] == [LOCK]
    assert batch(tiny_model, photos, out, "--part-size", 5).code == 1


def test_nothing_behind_a_link_is_changed(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    assert batch(tiny_model, photos, out).code == 1
    part(out, 1).unlink()
    shutil.move(out / "pictures/00000-00001", mine)
    before = stamps(mine)
    (out / "pictures/00000-00001").symlink_to(mine)
    for again in ((), ("--restart",)):
        ended = batch(tiny_model, photos, out, *again)
        assert ended.code == 6 and "00000-00001 is a link" in ended.error_line
        assert stamps(mine) == before
    (out / "pictures/00000-00001").unlink()
    assert batch(tiny_model, photos, out).code == 1
    assert set(pictures(out)) == overlays(out)


@pytest.mark.parametrize("name", ["parts", "pictures", "scores"])
def test_folders_of_others_are_left(photos: Path, tmp_path: Path, tiny_model: Path, name: str) -> None:
    out = tmp_path / "out"
    (tmp_path / "mine").mkdir()
    out.mkdir()
    (out / name).symlink_to(tmp_path / "mine")
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6 and "is a link" in ended.error_line
    (out / name).unlink()
    if name == "parts":
        (out / name).mkdir()
        ended = batch(tiny_model, photos, out)
        assert ended.code == 6 and "without the manifest of a batch" in ended.error_line
