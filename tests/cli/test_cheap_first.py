"""What needs no model is answered before one is loaded: lock, manifest, missing files, nothing left to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import Ended, command_line
from vitexplain import models
from vitexplain.output.lock import locked
from vitexplain.output.run_folder import MANIFEST, RECORDS
from vitexplain.render import opencv

KOALA = Path(__file__).parents[2] / "sample_images" / "koala.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(KOALA.read_bytes())
    return folder


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(models, "load_model", refuse)


def batch(photos: Path, tiny_model: Path, *more: object) -> Ended:
    out = photos.parent / "out"
    return command_line("batch", photos, "-o", out, "--model", tiny_model, "--workers", 0, "-m", "raw", *more)


def test_nothing_left_to_do_is_said_without_a_model(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = batch(photos, tiny_model)
    assert whole.code == 0
    with monkeypatch.context() as patch:
        patch.setattr(models, "load_model", None)
        again = batch(photos, tiny_model)
        assert again.code == 0 and "nothing left to do" in again.err
        assert again.out == whole.out
        assert [line for line in again.err.splitlines() if "note" in line] == whole.err.splitlines()
    (photos / "b.jpg").write_bytes(KOALA.read_bytes())
    assert "2 explained" in batch(photos, tiny_model).out


def test_other_settings_and_a_changed_model_are_seen(photos: Path, tiny_model: Path) -> None:
    assert batch(photos, tiny_model).code == 0
    other = batch(photos, tiny_model, "--top-k", 2)
    assert other.code == 2 and "top_k 5, now 2" in other.error_line
    for file in tiny_model.iterdir():
        os.utime(file, (1, 1))
    again = batch(photos, tiny_model)  # loaded, to see that it is the same
    assert again.code == 0 and "nothing left to do" in again.err


def test_settings_that_no_model_decides_are_compared_before_one_is_loaded(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert batch(photos, tiny_model, "--overlay", "webp").code == 0

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(models, "load_model", refuse)
    for options, words in (
        (("--overlay", "webp", "--top-k", 2), "top_k 5, now 2"),
        (("--overlay", "webp", "--caption"), "write caption false, now true"),
        ((), "write overlay webp, now png"),
        (("--overlay", "webp", "-m", "rollout"), "methods raw, now raw, rollout"),
        (("--overlay", "webp", "--style", "blend"), "drawing style grey, now blend"),
    ):
        other = batch(photos, tiny_model, *options)
        assert other.code == 2 and words in other.error_line


def test_it_takes_no_torch(photos: Path, tiny_model: Path) -> None:
    assert batch(photos, tiny_model).code == 0
    given = [str(photos), "-o", str(photos.parent / "out"), "--model", str(tiny_model), "--workers", "0", "-m", "raw"]
    code = (
        f"import sys; sys.argv = ['vitexplain', 'batch', *{given!r}]\n"
        "from vitexplain.cli.app import run_app\n"
        "try:\n    run_app()\nfinally:\n    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nothing left to do" in ended.stderr and ended.stderr.endswith("False\n")


@pytest.mark.usefixtures("no_model")
def test_a_folder_that_cannot_be_written_to_is_refused_first(photos: Path, tiny_model: Path) -> None:
    out = photos.parent / "out"
    with locked(out):
        assert "another vitexplain batch" in batch(photos, tiny_model).error_line
    (out / RECORDS).write_text("mine")
    assert "already exists, without the manifest" in batch(photos, tiny_model).error_line
    (out / MANIFEST).write_text("[]")
    assert "is not a batch's manifest" in batch(photos, tiny_model).error_line
    assert (out / RECORDS).read_text() == "mine"


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("command", ["run", "compare", "graph", "evaluate"])
def test_an_image_that_is_not_there(command: str, tmp_path: Path) -> None:
    ended = command_line(command, tmp_path / "none.jpg")
    assert ended.code == 3 and ended.err.startswith("error: ") and "no such file" in ended.error_line


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    "options", [("--weights", "none.pth", "--model", "vit_tiny_patch16_224"), ("--labels", "none.txt")]
)
@pytest.mark.parametrize("command", ["run", "compare", "graph", "evaluate"])
def test_files_of_the_model_that_are_not_there(command: str, options: tuple[str, ...]) -> None:
    ended = command_line(command, KOALA, *options)
    assert ended.code == 4 and "no such file" in ended.error_line


def test_an_error_needs_no_words_about_the_model(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(KOALA.read_bytes()[:200])
    for command in ("run", "compare"):
        ended = command_line(command, broken, "-m", "raw", "--json")
        assert ended.code == 3 and ended.err == f"{ended.error_line}\n"


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("command", ["run", "compare", "evaluate", "graph --format png", "batch"])
def test_a_machine_that_cannot_draw_is_found_first(
    command: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "_load", lambda: (None, "pictures cannot be drawn: libGL.so.1 is missing"))
    given = photos if command == "batch" else photos / "a.jpg"
    ended = command_line(*command.split(), given, "-o", tmp_path / "out")
    assert ended.code == 4 and "libGL.so.1" in ended.error_line
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_what_works_without_drawing(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the message says; records, and figures as SVG of graphs, need no OpenCV."""
    monkeypatch.setattr(opencv, "_load", lambda: (None, "pictures cannot be drawn: libGL.so.1 is missing"))
    common = (KOALA, "--model", tiny_model)
    assert command_line("run", *common, "--json").code == 0
    assert command_line("graph", *common, "-o", tmp_path).code == 0
    doctor = command_line("doctor", "--model", tiny_model)
    assert doctor.code == 0 and "drawing" in doctor.out and "libGL.so.1" in doctor.out
