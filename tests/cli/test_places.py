"""Where outputs go: places that cannot be written, disks that are full, folders that vanish, two writers, no escape."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.batch.folder_state import by_path, overlays, pictures
from tests.batch.mixed_files import encoded
from tests.cli.command_line import Ended, command_line
from vitexplain.batch.sinks import lines as sinks
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.output import atomic
from vitexplain.output.run_folder import RECORDS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02d}.png").write_bytes(encoded("PNG", number))
    return folder


def batch(model: Path, folder: Path, out: Path, *more: object) -> Ended:
    given = ("--model", model, "-m", "rollout", "--workers", 0, "--batch-size", 2, "-q")
    return command_line("batch", folder, "-o", out, *given, *more)


@pytest.mark.parametrize("command", ["run", "batch"])
def test_an_output_folder_below_a_file(photos: Path, tmp_path: Path, tiny_model: Path, command: str) -> None:
    (tmp_path / "file").touch()
    given = photos / "00.png" if command == "run" else photos
    for out in (tmp_path / "file", tmp_path / "file/inner/out"):
        ended = command_line(command, given, "-o", out, "--model", tiny_model)
        assert ended.code == 6
        assert "is not a folder" in ended.error_line and "--out" in ended.error_line


def test_a_read_only_place(photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal of the system is injected."""

    def refuse(*_arguments: object, **_keywords: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    for command, given in [("run", photos / "00.png"), ("batch", photos)]:
        ended = command_line(command, given, "-o", tmp_path / "out", "--model", tiny_model)
        assert ended.code == 6
        assert "Read-only file system" in ended.error_line and "--out" in ended.error_line


@pytest.mark.parametrize("full_after", [0, 5])
def test_a_disk_that_is_full_for_pictures(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, full_after: int
) -> None:
    """Exit 6 in one line; what was written stays and is resumed, and no half file is left."""
    out = tmp_path / "out"
    written: list[Path] = []
    write = atomic._write

    def fill_up(path: Path, data: bytes) -> None:
        if len(written) > full_after:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, data)

    monkeypatch.setattr(atomic, "_write", fill_up)
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6
    assert "No space left on device" in ended.error_line and "free some space" in ended.error_line
    assert not list(out.rglob("*.tmp"))
    assert len(by_path(out)) <= full_after
    assert overlays(out) <= set(pictures(out))
    monkeypatch.undo()
    assert batch(tiny_model, photos, out).code == 0
    assert len(by_path(out)) == 12


def test_a_disk_that_is_full_for_records(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third record goes in by half; the half is taken back."""
    out, calls = tmp_path / "out", []

    class Disk:
        """os, with a write that runs out of space."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def write(self, descriptor: int, data: bytes) -> int:
            calls.append(1)
            if len(calls) == 3:
                return os.write(descriptor, data[:100])
            if len(calls) == 4:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return os.write(descriptor, data)

    monkeypatch.setattr(sinks, "os", Disk())
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6 and "No space left on device" in ended.error_line
    monkeypatch.undo()
    assert (out / RECORDS).read_bytes().endswith(b"\n")
    assert 2 <= len(by_path(out)) < 12
    assert batch(tiny_model, photos, out).code == 0
    assert len(by_path(out)) == 12
    assert set(pictures(out)) == overlays(out)


def test_a_folder_that_vanishes_in_mid_run(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write, count = sinks.LinesSink.write, []

    def remove_at_third(sink: sinks.LinesSink, given: Any, record: Any) -> Any:
        count.append(1)
        if len(count) == 3:
            while out.exists():  # pictures are still being written beside it
                shutil.rmtree(out, ignore_errors=True)
        return write(sink, given, record)

    monkeypatch.setattr(sinks.LinesSink, "write", remove_at_third)
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6
    assert "was removed while it was written" in ended.error_line
    monkeypatch.undo()
    assert batch(tiny_model, photos, out).code == 0
    assert len(by_path(out)) == 12


@pytest.mark.parametrize("command", ["run", "batch"])
def test_stdout_closed_early_is_quiet(photos: Path, tmp_path: Path, tiny_model: Path, command: str) -> None:
    """As in `vitexplain ... --json | head -1`."""
    for number in range(12, 60):
        (photos / f"{number:02d}.png").write_bytes(encoded("PNG", number))
    given = sorted(photos.iterdir()) if command == "run" else [photos, "-o", tmp_path / "out", "--batch-size", "1"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "vitexplain",
            command,
            *map(str, given),
            "--json",
            "--model",
            str(tiny_model),
            "-q",
            "-m",
            "rollout",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    first = process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert json.loads(first)["image"]["path"].endswith("00.png")
    assert errors == b""
    if command == "batch":
        assert batch(tiny_model, photos, tmp_path / "out").code == 0
        assert len(by_path(tmp_path / "out")) == 60


def test_two_writers_and_a_lock_that_dies_with_its_owner(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys, time; from pathlib import Path; from vitexplain.output.lock import locked\n"
        f"with locked(Path({str(out)!r})):\n    print('held', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"held\n"
    ended = batch(tiny_model, photos, out)
    assert ended.code == 6
    assert f"process {owner.pid}" in ended.error_line and "wait until it ends" in ended.error_line
    assert sorted(path.name for path in out.iterdir()) == ["lock"]
    owner.send_signal(signal.SIGKILL)
    owner.wait(10)
    owner.stdout.close()
    assert batch(tiny_model, photos, out).code == 0


def _everything(folder: Path, without: Path) -> dict[str, bytes | str]:
    return {
        str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if without not in (path, *path.parents) and (path.is_symlink() or path.is_file())
    }


def test_nothing_is_written_outside_the_output_folder(tmp_path: Path, tiny_model: Path) -> None:
    """Names with dots, links among the inputs, links in the output folder that lead out, names of the batch's own."""
    photos, out, outside = tmp_path / "photos", tmp_path / "out", tmp_path / "outside"
    for name in [
        "..png",
        "...png",
        "..evil/..png",
        "a/..b/c.png",
        "lock/a.png",
        "manifest.json/a.png",
        "records.jsonl/a.png",
        "linked/a.png",
        "target.png",
        "..\\..\\windows.png",
    ]:
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded("PNG", 1))
    outside.mkdir()
    (outside / "keep.png").write_bytes(encoded("PNG", 2))
    (photos / "up").symlink_to("../outside")
    out.mkdir()
    (out / "linked").symlink_to(outside)
    (out / "target.png").symlink_to(outside / "keep.png")
    before = _everything(tmp_path, out)
    ended = batch(tiny_model, photos, out)
    assert ended.code == 1
    assert _everything(tmp_path, out) == before
    failed = {path for path, record in by_path(out).items() if "error" in record}
    assert failed == {str(photos / "linked/a.png"), str(photos / "target.png")}
    assert str(photos / "up/keep.png") in by_path(out)
    for file in overlays(out):
        assert (out / file).resolve().is_relative_to(out)
    # A link in the place of an overlay is replaced, never followed; in the place of a record file it is refused.
    assert batch(tiny_model, photos, out, "--overwrite", "--retry").code == 1
    assert _everything(tmp_path, out) == before
    for name in ("lock", RECORDS):
        (out / name).unlink()
        (out / name).symlink_to(outside / "new")
        assert batch(tiny_model, photos, out).code == 6
        assert _everything(tmp_path, out) == before
        (out / name).unlink()


def test_run_writes_nothing_outside_either(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "..png").write_bytes(encoded("PNG", 1))
    (tmp_path / "in/a.png").write_bytes(encoded("PNG", 1))
    monkeypatch.chdir(tmp_path / "in/deep")
    before = _everything(tmp_path, tmp_path / "out")
    given = ["../../..png", "../a.png", tmp_path / "in/a.png", "../deep/../a.png"]
    assert command_line("run", *given, "-o", tmp_path / "out", "--model", tiny_model).code == 0
    assert _everything(tmp_path, tmp_path / "out") == before
    assert len(list((tmp_path / "out").glob("*.json"))) == 4


def test_an_output_that_belongs_to_another_image(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    foreign = out / "03.png"
    foreign.write_bytes(encoded("PNG", 77))
    ended = batch(tiny_model, photos, out)
    assert ended.code == 1
    assert "03.png already exists" in ended.error_line and "--overwrite" in ended.error_line
    assert foreign.read_bytes() == encoded("PNG", 77)
    assert batch(tiny_model, photos, out, "--overwrite", "--retry").code == 0


def test_a_real_full_disk_device(photos: Path, tiny_model: Path) -> None:
    """/dev/full as an output folder is no folder; the answer is one line."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    ended = batch(tiny_model, photos, Path("/dev/full"))
    assert ended.code == 6 and "is not a folder" in ended.error_line


def test_a_picture_removed_in_mid_run_is_a_failure_only(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    (photos / "05.png").unlink()
    (photos / "05.png").symlink_to(tmp_path / "later.png")
    started = time.perf_counter()
    assert batch(tiny_model, photos, tmp_path / "out").code == 1
    assert time.perf_counter() - started < 60
    assert sum("error" in record for record in by_path(tmp_path / "out").values()) == 1


def test_pictures_in_the_output_folder_itself_are_left_alone(tmp_path: Path, tiny_model: Path) -> None:
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.jpg", "JPEG"), ("c.png", "PNG")):
        (tmp_path / name).write_bytes(encoded(form, 1))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    command = ("run", *sorted(before), "-o", tmp_path, "--model", tiny_model, "-m", "rollout")
    assert command_line(*command).code == command_line(*command, "--overwrite").code == 0
    assert {path: path.read_bytes() for path in before} == before
    written = {path.name for path in tmp_path.glob("*.png")} - {"a.png", "c.png"}
    assert written == {"a-png.png", "b.png", "c-jpg.png", "c-png.png"}
    assert {Path(each.path) for each in list_pictures(str(tmp_path), tmp_path / "out").pictures} == set(before)
