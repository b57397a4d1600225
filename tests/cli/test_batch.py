"""`vitexplain batch`: hundreds of mixed files, going on, other settings, stopping, what is printed."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.batch.folder_state import by_path, overlays, pictures, records
from tests.batch.mixed_files import WAYS, encoded, fill
from tests.cli.command_line import Ended, command_line
from vitexplain.batch import engine
from vitexplain.cli.flags import with_flags
from vitexplain.errors import ModelError
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS
from vitexplain.pipeline import explain_batch


@pytest.fixture(autouse=True)
def plain_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test chooses a method: the default's name depends on the model."""
    monkeypatch.setenv("VITEXPLAIN_METHOD", "rollout")


def batch(model: Path, folder: Path, out: Path, *more: object, workers: int = 0) -> Ended:
    """Run a batch on the tiny model."""
    return command_line("batch", folder, "-o", out, "--model", model, "--workers", workers, "-q", *more)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Five pictures in two folders."""
    for number, name in enumerate(["b/two.png", "b/one.jpg", "a.webp", "c.png", "b/deep/three.gif"]):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        form = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP"}[path.suffix[1:]]
        path.write_bytes(encoded(form, number))
    return tmp_path / "photos"


def test_five_hundred_mixed_files(tmp_path: Path, tiny_model: Path) -> None:
    """450 good ones are explained, 50 broken in 27 ways are answered; about 10 seconds."""
    assert len(WAYS) >= 25
    good, bad = fill(tmp_path / "photos", 450, 50)
    (tmp_path / "photos/notes.txt").write_text("no picture")
    out = tmp_path / "out"
    ended = batch(tiny_model, tmp_path / "photos", out, workers=2)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "450 explained, 50 failed, 1 other file skipped" in ended.out
    found = records(out)
    paths = [os.path.relpath(record["image"]["path"], tmp_path / "photos") for record in found]
    assert paths == sorted(good + bad, key=os.fsencode)
    for path, record in zip(paths, found, strict=True):
        assert ("error" in record) == (path in bad), record.get("error")
        if path in bad:
            message = record["error"]["message"]
            assert record["error"]["type"] in ("InputError", "LimitError")
            assert path in message and message.isprintable() and f"error: {with_flags(message)}" in ended.err
    assert set(pictures(out)) == overlays(out)
    assert len(overlays(out)) == len(good)


def test_the_order_and_the_scores_do_not_depend_on_the_pace(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    assert batch(tiny_model, few, tmp_path / "one", "--batch-size", 1).code == 0
    assert batch(tiny_model, few, tmp_path / "three", "--batch-size", 3, workers=2).code == 0
    one, three = records(tmp_path / "one"), records(tmp_path / "three")
    assert [record["image"]["path"] for record in one] == [
        str(few / name) for name in ["a.webp", "b/deep/three.gif", "b/one.jpg", "b/two.png", "c.png"]
    ]
    assert [record["image"] for record in one] == [record["image"] for record in three]
    for first, second in zip(one, three, strict=True):
        expected = pytest.approx(_scores(first), rel=1e-5)
        assert _scores(second) == expected
        assert second["runtime"]["batch_size"] == 3


def test_the_same_command_again_does_only_what_is_missing(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, few, out).code == 0
    before, lines = pictures(out), (out / RECORDS).read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert "5 explained, 0 failed" in batch(tiny_model, few, out).out
    assert (out / RECORDS).read_bytes() == lines
    # A new picture, an overlay that was removed, and a torn last line.
    (few / "d.png").write_bytes(encoded("PNG", 9))
    (out / "a.png").unlink()
    (out / RECORDS).write_bytes(lines[:-40])
    assert batch(tiny_model, few, out).code == 0
    assert {name: digest for name, digest in pictures(out).items() if name != "d.png"} == before
    assert set(by_path(out)) == {str(path) for path in few.rglob("*.*")}
    untouched = [path for path in stamps if path.name not in ("a.png", "c.png")]
    assert all(path.stat().st_mtime_ns == stamps[path] for path in untouched)
    # The batch itself does not become input, whether it lies among the pictures or is given itself.
    inner = few / "explained"
    assert batch(tiny_model, few, inner).code == 0
    assert len(by_path(inner)) == 6
    assert "6 explained" in batch(tiny_model, few, inner).out
    assert batch(tiny_model, inner, tmp_path / "of_out").code == 3


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["-m", "raw"], "methods rollout, now raw"),
        (["--residual", "0.3"], "methods rollout, now rollout:residual=0.3"),
        (["--view", "squash"], "view crop, now squash"),
        (["--top-k", "2"], "top_k 5, now 2"),
        (["--heatmap"], "write heatmap false, now true"),
        (["--alpha", "0.7"], "drawing alpha null, now 0.7"),
        (["--dtype", "bfloat16"], "model dtype float32, now bfloat16"),
    ],
)
def test_other_settings_are_refused_by_name(
    few: Path, tmp_path: Path, tiny_model: Path, more: list[str], named: str
) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, few, out).code == 0
    before = pictures(out)
    ended = batch(tiny_model, few, out, *more)
    assert ended.code == 2
    assert named in ended.error_line and "--restart" in ended.error_line
    assert pictures(out) == before


@pytest.mark.parametrize("form", ["svg", "webp"])
def test_captioned_overlays_are_those_of_run(form: str, few: Path, tmp_path: Path, tiny_model: Path) -> None:
    """Two threads write them, and matplotlib serves one at a time."""
    options = ("--overlay", form, "--caption")
    assert batch(tiny_model, few, tmp_path / "out", *options, "--batch-size", 5).code == 0
    for record in records(tmp_path / "out"):
        path = Path(record["image"]["path"])
        (name,) = (each["files"]["overlay"] for each in record["explanations"])
        assert name.endswith(f".{form}")
        alone = tmp_path / "alone" / path.stem
        assert (
            command_line("run", path, "--model", tiny_model, "--format", form, "--caption", "-o", alone, "-q").code == 0
        )
        (made,) = alone.glob(f"*.{form}")
        one, other = (tmp_path / "out" / name).read_bytes(), made.read_bytes()
        if form == "svg":  # the pictures inside differ by the rounding of a batch
            assert re.findall(rb"<text.*?>(.*?)</text>", one) == re.findall(rb"<text.*?>(.*?)</text>", other) != []
        assert abs(len(one) - len(other)) < 0.02 * len(one)
    again = batch(tiny_model, few, tmp_path / "out", *options)
    assert again.code == 0 and "5 explained" in again.out


def test_several_targets_are_resumed_as_they_were_given(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, given = tmp_path / "out", ("-m", "relevance", "--target", "oak", "--target", "ash")
    assert batch(tiny_model, few, out, *given).code == 0
    for record in records(out):
        assert [each["target"]["label"] for each in record["explanations"]] == ["oak", "ash"]
    assert "5 explained, 0 failed" in batch(tiny_model, few, out, *given).out
    ended = batch(tiny_model, few, out, "-m", "relevance", "--target", "oak")
    assert (ended.code, 'target ["oak", "ash"], now oak' in ended.error_line) == (2, True)


def test_other_weights_another_version_and_another_folder_are_refused(
    few: Path, tmp_path: Path, tiny_model: Path
) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, few, out).code == 0
    manifest = json.loads((out / MANIFEST).read_bytes())
    assert manifest["model"]["weights_sha256"] and manifest["version"] and manifest["methods"]["rollout"]
    changes: list[tuple[dict[str, Any], str]] = [
        ({"version": "0.0.1"}, "version 0.0.1, now"),
        ({"model": {**manifest["model"], "weights_sha256": "0" * 64}}, "weights_sha256 000000000000, now"),
        ({"folder": "elsewhere"}, "folder elsewhere, now"),
    ]
    for change, named in changes:
        (out / MANIFEST).write_text(json.dumps({**manifest, **change}))
        ended = batch(tiny_model, few, out)
        assert (ended.code, named in ended.error_line) == (2, True), ended.error_line
    (out / MANIFEST).write_text("{}")
    assert batch(tiny_model, few, out).code == 6
    (out / MANIFEST).unlink()
    ended = batch(tiny_model, few, out)
    assert ended.code == 6 and "without the manifest" in ended.error_line


def test_restart_removes_what_the_batch_wrote_and_nothing_else(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert batch(tiny_model, few, out, "--heatmap", "--npy").code == 0
    # As if killed: files of a picture without its record.
    lines = (out / RECORDS).read_bytes().splitlines(keepends=True)
    (out / RECORDS).write_bytes(b"".join(lines[:-1]))
    (out / "mine.txt").write_text("mine")
    (out / "b/two.raw.png").write_bytes(encoded("PNG", 3))
    (few / "b/one.jpg").unlink()
    assert batch(tiny_model, few, out, "--restart", "-m", "raw", "--npy").code == 0
    left = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    kept = {"mine.txt", "b/two.raw.png", LOCK, MANIFEST, RECORDS}
    assert left - kept == {
        f"{name}{ending}" for name in ("a", "b/deep/three", "b/two", "c") for ending in (".png", ".npy")
    }


def test_a_batch_with_nothing_to_do_says_so(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    (few / "broken.png").write_bytes(b"no picture")
    given = ("batch", few, "-o", tmp_path / "out", "--model", tiny_model, "--workers", 0)
    first, again = command_line(*given), command_line(*given)
    assert "nothing left to do" not in first.err
    assert "nothing left to do; --retry tries the failed images again" in again.err
    assert (again.code, again.out) == (1, first.out)


def test_failed_images_are_tried_again_when_asked(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    whole = (few / "c.png").read_bytes()
    (few / "c.png").write_bytes(whole[:30])
    out = tmp_path / "out"
    assert batch(tiny_model, few, out).code == 1
    (few / "c.png").write_bytes(whole)
    assert batch(tiny_model, few, out).code == 1
    ended = batch(tiny_model, few, out, "--retry")
    assert ended.code == 0 and "5 explained, 0 failed" in ended.out
    assert len(by_path(out)) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_the_batch_in_hand(
    few: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:

    calls = []

    def explain_and_signal(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        signal.raise_signal(number)
        return explain_batch(*arguments, **keywords)

    monkeypatch.setattr(engine, "explain_batch", explain_and_signal)
    ended = batch(tiny_model, few, tmp_path / "out", "--batch-size", 2)
    assert ended.code == 128 + number
    assert len(calls) == 1
    assert "2 explained, 0 failed" in ended.out
    assert "3 images left: run the same command again" in ended.err
    monkeypatch.setattr(engine, "explain_batch", explain_batch)
    assert "5 explained, 0 failed" in batch(tiny_model, few, tmp_path / "out", "--batch-size", 2).out


def test_json_is_the_records_and_nothing_else(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    (few / "z.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    ended = batch(tiny_model, few, out, "--json")
    assert ended.code == 1
    assert ended.out.encode() == (out / RECORDS).read_bytes()
    assert "5 explained, 1 failed" in ended.err


def test_usage_and_inputs_that_cannot_be(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert command_line("batch", few, "--model", tiny_model).code == 2
    for folder, code, word in [
        (tmp_path / "nowhere", 3, "check the name"),
        (few / "b/deep/none", 3, "check the name"),
        ("", 3, "cannot be read"),
    ]:
        ended = command_line("batch", folder, "-o", out, "--model", tiny_model)
        assert (ended.code, word in ended.error_line) == (code, True), ended.error_line
        assert not out.exists(), folder
    ended = batch(tiny_model, few, few)
    assert ended.code == 2 and "another folder" in ended.error_line
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").touch()
    ended = batch(tiny_model, tmp_path / "texts", out)
    assert ended.code == 3 and "left aside: 1 .txt" in ended.error_line
    ended = batch(tiny_model, few, out, "--layers", "2:9")
    assert ended.code == 2 and "layers 2:9" in ended.error_line
    assert not out.exists()


def test_one_bad_image_does_not_fail_its_batch(
    few: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fails_on_two(model: Any, images: Any, *more: Any, **keywords: Any) -> Any:
        if any(picture.path.endswith("two.png") for picture, _, _ in images):
            raise ModelError("scores that are not finite")
        return explain_batch(model, images, *more, **keywords)

    monkeypatch.setattr(engine, "explain_batch", fails_on_two)
    assert batch(tiny_model, few, tmp_path / "out").code == 1
    failed = {path for path, record in by_path(tmp_path / "out").items() if "error" in record}
    assert failed == {str(few / "b/two.png")}


def _scores(record: Mapping[str, Any]) -> list[float]:
    return [score for row in record["explanations"][0]["scores"] for score in row]


def test_a_link_in_the_place_of_the_records_is_not_followed(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    assert batch(tiny_model, few, out).code == 0
    victim.write_text("not a record, and no line's end")
    (out / RECORDS).unlink()
    (out / RECORDS).symlink_to(victim)
    for more in ((), ("--restart",)):
        ended = batch(tiny_model, few, out, *more)
        assert ended.code == 6
        assert "is a link" in ended.error_line
    assert victim.read_text() == "not a record, and no line's end"


def test_what_is_to_be_known_of_explanations_is_counted(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    given = ("-o", tmp_path / "out", "--model", tiny_model, "--workers", 0, "-m", "flow:layers=2:2", "-m", "raw")
    ended = command_line("batch", few, *given)
    assert ended.code == 0
    said: dict[str, int] = {}
    for record in records(tmp_path / "out"):
        found = {(e["spec"], n.partition(":")[0]) for e in record["explanations"] for n in e["notices"]}
        for spec, notice in found:
            said[f"{spec}: {notice}"] = said.get(f"{spec}: {notice}", 0) + 1
    assert said
    for notice, count in said.items():
        words = notice.removeprefix("flow:layers=2:2: ") if "the tokens that enter" in notice else notice
        assert f"note: {count} image{'s' * (count != 1)}: {words}" in ended.err


def test_notices_are_counted_over_all_runs_of_a_batch(few: Path, tmp_path: Path, tiny_model: Path) -> None:
    given = ("-o", tmp_path / "out", "--model", tiny_model, "--workers", 0, "-m", "flow:layers=2:2")
    whole = command_line("batch", few, *given)
    path = tmp_path / "out" / RECORDS
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 1 and "note: " in whole.err
    path.write_bytes(b"".join(lines[:-1]))
    for _ in range(2):  # resumed, and with nothing left to do
        again = command_line("batch", few, *given)
        assert [line for line in again.err.splitlines() if line.startswith("note: ")] == [
            line for line in whole.err.splitlines() if line.startswith("note: ")
        ]
