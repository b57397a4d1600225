"""What a report reads and writes: folders with faults, pictures that are gone or moved, files in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import table_at, tar_of
from tests.cli.command_line import command_line
from tests.report.run_folders import explained, records_in, sha256_of, small_batch, write_batch, write_picture
from tests.report.test_page import Parts
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.errors import InputError, LimitError, OutputError, UsageError, VitexplainError
from vitexplain.images import open_picture
from vitexplain.output import WriteOptions, line, write_result
from vitexplain.report import PAGE, Pictures, found, write_report
from vitexplain.result import Truth


def images_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in Parts((folder / PAGE).read_text(encoding="utf-8")).data("images")]


def one(tmp_path: Path) -> Path:
    return write_batch(tmp_path, [("a.png", "tabby", 0.5)])


def test_the_command_tells_what_it_wrote(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    ended = command_line("report", out)
    assert ended.code == 0 and ended.err == ""
    assert ended.out == f"6 pictures, 1 failed: {out / PAGE}\n"


def test_the_answer_as_json(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    ended = command_line("report", out, "--json", "-q")
    answer = {"path": str(out / PAGE), "images": 6, "failed": 1, "without_picture": 0, "notes": []}
    assert json.loads(ended.out) == answer


def test_no_model_is_loaded(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    code = (
        "import sys\nfrom vitexplain.__main__ import main\n"
        "try:\n    main()\nfinally:\n    print([name for name in ('torch', 'timm') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code, "report", out], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_copies_are_small_and_marked_and_made_once(tmp_path: Path) -> None:
    out = write_batch(tmp_path, [("a.png", "tabby", 0.5), ("b.png", "tabby", 0.5)])
    write_report(out, Pictures(32))
    copies = sorted((out / "report").iterdir())
    assert [path.name for path in copies] == sorted(
        f"{sha256_of(tmp_path / 'in' / name)[:16]}.32.jpg" for name in ("a.png", "b.png")
    )
    assert {open_picture(path).image.size for path in copies} == {(32, 24), (27, 32)}
    times = [path.stat().st_mtime_ns for path in copies]
    for path in (tmp_path / "in").iterdir():
        path.unlink()
    again = write_report(out, Pictures(32))
    assert again.without_picture == 0 and [path.stat().st_mtime_ns for path in copies] == times


def test_copies_that_no_page_needs_are_removed(tmp_path: Path) -> None:
    out = one(tmp_path)
    write_report(out, Pictures(32))
    (out / "report" / "mine.jpg").write_bytes(b"mine")
    write_report(out, Pictures(48))
    assert [path.name for path in sorted((out / "report").iterdir())][1:] == ["mine.jpg"]
    assert len(list((out / "report").iterdir())) == 2
    (out / "report" / "mine.jpg").unlink()
    write_report(out, Pictures(48, embed=True))
    assert not (out / "report").exists()


def test_a_picture_that_is_gone_or_another_now(tmp_path: Path) -> None:
    out = write_batch(tmp_path, [("a.png", "tabby", 0.5), ("b.png", "tabby", 0.5)])
    (tmp_path / "in" / "a.png").unlink()
    write_picture(tmp_path / "in" / "b.png", seed=77)
    assert write_report(out).without_picture == 2
    first, second = images_of(out)
    assert first["picture"] is None and "no such file" in str(first["missing"])
    assert "another picture than the one that was explained" in str(second["missing"])
    ended = command_line("report", out)
    assert ended.code == 0 and "2 of the pictures cannot be shown" in ended.err and "--pictures" in ended.err


def test_pictures_that_were_moved(tmp_path: Path) -> None:
    """The advice of the notice is followed."""
    out = write_batch(tmp_path, [("x/a.png", "tabby", 0.5), ("b.png", "tabby", 0.5)])
    (tmp_path / "in").rename(tmp_path / "moved")
    assert write_report(out).without_picture == 2
    ended = command_line("report", out, "--pictures", tmp_path / "moved")
    assert ended.code == 0 and ended.err == ""
    with pytest.raises(UsageError, match="is not a folder"):
        Pictures(folder=tmp_path / "in")


def test_a_record_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    out = one(tmp_path)
    write_picture(tmp_path / "secret.png")
    (out / "link.png").symlink_to(tmp_path / "secret.png")
    (record,) = records_in(out)
    asked = ("../secret.png", str(tmp_path / "secret.png"), "link.png", "no.png", "", "a\0b", "report", "n" * 300)
    for name in asked:
        record["explanations"][0]["files"]["overlay"] = name
        (out / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="ascii")
        written = write_report(out)
        image = images_of(out)[0]
        assert image["maps"][0]["files"]["overlay"] is None, name  # type: ignore[index]
        assert written.notes[0].startswith("missing in the folder: ")
    record["explanations"][0]["files"]["overlay"] = "javascript:alert(1).png"
    write_picture(out / "javascript:alert(1).png")
    (out / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="ascii")
    write_report(out)
    address = images_of(out)[0]["maps"][0]["files"]["overlay"]  # type: ignore[index]
    assert address == "./javascript%3Aalert%281%29.png"


def test_a_line_that_is_half_written_is_told(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    data = (out / "records.jsonl").read_bytes()
    (out / "records.jsonl").write_bytes(data[:-40])
    written = write_report(out)
    lost = len(data[:-40]) - data[:-40].rindex(b"\n") - 1
    assert written.images == 5 and written.notes[0].startswith(f"records.jsonl: {lost:,} bytes after the last whole")
    assert written.notes[0] in json.loads(Parts(written.path.read_text(encoding="utf-8")).data("about")[0])["notes"]


def test_a_damaged_record_is_left_out_and_told(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    records = [dict(each) for each in records_in(out)]
    del records[1]["model"]
    records[2]["schema"] = "vitexplain/2"
    records[3]["explanations"] = [{**records[3]["explanations"][0], "scores": [["<b>"]]}]
    (out / "records.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="ascii")
    written = write_report(out)
    assert written.images == 3
    assert written.notes == (
        "1 record is of the schema 'vitexplain/2' left out: this version reads 'vitexplain/1'.",
        "left out as damaged: line 2 of records.jsonl: the record's model is missing",
        "left out as damaged: line 4 of records.jsonl: the record's explanations[0].scores is not a table of numbers",
    )


def test_numbers_that_are_no_json(tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    text = (out / "records.jsonl").read_text(encoding="ascii")
    (out / "records.jsonl").write_text(text.replace('"probability": 0.9', '"probability": NaN', 1), encoding="ascii")
    (note,) = write_report(out).notes
    assert note.startswith("left out as damaged: line 1 of records.jsonl: ")


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 #1.png")
    out = write_batch(tmp_path, [(name, "tabby", 0.5)])
    assert write_report(out).without_picture == 0
    (image,) = images_of(out)
    address = image["maps"][0]["files"]["overlay"]  # type: ignore[index]
    assert address.startswith("./caf%E9%20%231.png")
    assert Path(os.fsdecode(os.fsencode(out) + unquote_to_bytes(address[1:]))).is_file()


def test_the_folder_of_run(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "b.png", seed=1)
    for seed, name in enumerate(("a.png", "b.png")):
        made = explained(tmp_path / name, str(tmp_path / name), "tabby", 0.5, seed)
        write_result(made, WriteOptions(tmp_path / "out"))
    (tmp_path / "out" / "other.json").write_text('{"a": 1}', encoding="ascii")
    written = write_report(tmp_path / "out")
    assert (written.images, written.without_picture, written.notes) == (2, 0, ())


def test_copies_are_no_input_of_a_batch(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_result(explained(tmp_path / "a.png", str(tmp_path / "a.png"), None, 0.5, 0), WriteOptions(tmp_path / "out"))
    write_report(tmp_path / "out")
    assert (tmp_path / "out" / "report").is_dir()
    listed = list_pictures(str(tmp_path), tmp_path / "batch")
    assert [each.name for each in listed.pictures] == ["a.png"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "no record in it: give a folder that run, batch or evaluate wrote to"),
        (
            {"records.jsonl": '{"schema": "vitexplain/9", "image": {}}\n'},
            "the schema 'vitexplain/9', expected 'vitexpl",
        ),
        ({"records.jsonl": '{"schema": "vitexplain/1", "image": 3}\n'}, "line 1 of records.jsonl"),
        ({"records.jsonl": '{"schema": "vitex'}, "17 bytes after the last whole record are left out"),
        ({"a.json": "[" * 100_000}, "no record in it"),
    ],
)
def test_nothing_to_show(tmp_path: Path, content: dict[str, str], words: str) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    ended = command_line("report", tmp_path)
    assert ended.code == 3 and words in ended.error_line
    assert not (tmp_path / PAGE).exists()


def test_no_folder(tmp_path: Path) -> None:
    assert command_line("report", tmp_path / "no").code == 3
    (tmp_path / "file").write_bytes(b"")
    assert command_line("report", tmp_path / "file").code == 2


def test_too_many_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MOST", 3)
    with pytest.raises(LimitError, match="more than 3 records"):
        write_report(small_batch(tmp_path))


def test_a_file_in_the_way_stays_unless_told(tmp_path: Path) -> None:
    out = one(tmp_path)
    (out / PAGE).write_text("my own page", encoding="ascii")
    ended = command_line("report", out)
    assert ended.code == 6 and "--overwrite" in ended.error_line
    assert (out / PAGE).read_text(encoding="ascii") == "my own page"
    assert command_line("report", out, "--overwrite").code == 0
    assert command_line("report", out).code == 0, "its own page is replaced"
    (out / PAGE).unlink()
    (out / PAGE).mkdir()
    with pytest.raises(OutputError, match="a folder has that name"):
        write_report(out, overwrite=True)


def test_a_copy_that_cannot_be_written_ends_the_report(tmp_path: Path) -> None:
    out = one(tmp_path)
    (out / "report").write_bytes(b"in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(out)
    assert not (out / PAGE).exists()
    (out / "report").unlink()
    (tmp_path / "elsewhere").mkdir()
    (out / "report").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        write_report(out)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_size_of_copies_is_checked() -> None:
    with pytest.raises(VitexplainError, match="32 to 4096"):
        Pictures(3)
    assert issubclass(InputError, VitexplainError)


def test_labels_that_came_with_the_pictures_are_their_true_class(tmp_path: Path) -> None:
    picture = tmp_path / "in/a.png"
    write_picture(picture)
    lines, truths = [], [Truth("3", 3, "tabby", None), Truth("Cow", 9, "cow", None), Truth("elf"), None]
    for number, truth in enumerate(truths):
        made = replace(explained(picture, str(picture), "cat", 0.5, number), truth=truth)
        lines.append(line(write_result(made, WriteOptions(tmp_path / "out", record=False), f"{number}").record))
    (tmp_path / "out/records.jsonl").write_bytes(b"".join(lines))
    write_report(tmp_path / "out")
    found = [(each.get("truth"), each.get("verdict")) for each in images_of(tmp_path / "out")]
    assert found == [("tabby", "right"), ("cow", "wrong"), ("elf", "no class"), (None, None)]
    write_report(tmp_path / "out", class_from_folder=True)
    assert [(each["truth"], "verdict" in each) for each in images_of(tmp_path / "out")] == [("in", False)] * 4


def test_pictures_are_found_again_in_tars_and_tables(tmp_path: Path, tiny_model: Path) -> None:
    data = {name: encoded("PNG", number) for number, name in enumerate(("a.png", "b/c.png"))}
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.tar").write_bytes(tar_of(data.items()))
    (tmp_path / "in/y.tar.gz").write_bytes(tar_of(data.items(), "w:gz"))
    sources: list[object] = [tmp_path / "in/x.tar", tmp_path / "in/y.tar.gz"]
    if find_spec("pyarrow"):
        sources.append(table_at(tmp_path / "in/z.parquet", {"q": list(data.values()), "r": list(data.values())}))
        sources += ["--image-column", "r"]
    asked = ("-o", tmp_path / "out", "--model", tiny_model, "-m", "raw", "--workers", 0)
    assert command_line("batch", *sources, *asked).code == 0
    assert write_report(tmp_path / "out").without_picture == 0
    (tmp_path / "in").rename(tmp_path / "moved")
    remove_copies(tmp_path / "out")
    assert write_report(tmp_path / "out").without_picture > 0
    assert write_report(tmp_path / "out", Pictures(folder=tmp_path / "moved")).without_picture == 0
    remove_copies(tmp_path / "out")
    (tmp_path / "moved/x.tar").write_bytes(tar_of([("b/c.png", data["a.png"])]))
    missing = [each["missing"] for each in command_report(tmp_path / "out", tmp_path / "moved") if each["missing"]]
    assert len(missing) == 2


def remove_copies(out: Path) -> None:
    for path in (out / "report").iterdir():
        path.unlink()


def command_report(out: Path, pictures: Path) -> list[dict[str, object]]:
    write_report(out, Pictures(folder=pictures))
    return images_of(out)
