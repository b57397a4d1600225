"""write_result: what is in the folder afterwards, and that nothing is after a refusal."""

from __future__ import annotations

import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from tests.given_result import explanation, picture, result
from vitexplain.errors import OutputError
from vitexplain.output import WriteOptions, schema, write_result, write_single
from vitexplain.render import Drawing
from vitexplain.result import Explanation, Target


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_overlay_and_the_record_are_written_and_named_in_it(tmp_path: Path) -> None:
    given = result(explanations=[explanation(), explanation("flow:layers=7:12")])
    written = write_result(given, WriteOptions(tmp_path))
    names = ["cat.rollout.png", "cat.flow.png", "cat.json"]
    assert [path.name for path in written.paths] == names and sorted(contents(tmp_path)) == sorted(names)
    read = json.loads((tmp_path / "cat.json").read_text())
    assert read == written.record
    assert [entry["files"] for entry in read["explanations"]] == [{"overlay": name} for name in names[:2]]
    with Image.open(tmp_path / names[0]) as overlay:
        assert np.array_equal(np.asarray(overlay), np.asarray(given.overlay()))


def test_everything_is_written_on_request(tmp_path: Path) -> None:
    given = result(explanations=[explanation("flow"), explanation("raw")])
    written = write_result(given, WriteOptions(tmp_path, heatmap=True, npy=True, cut_layers=True))
    first, second = (entry["files"] for entry in written.record["explanations"])
    assert first == {
        "overlay": "cat.flow.png",
        "heatmap": "cat.flow.heatmap.png",
        "npy": "cat.flow.npy",
        "cut_layers": "cat.flow.cut-layers.png",
    }
    assert list(second) == ["overlay", "heatmap", "npy"]
    assert all((tmp_path / name).is_file() for files in (first, second) for name in files.values())
    scores = np.load(tmp_path / first["npy"])
    assert scores.dtype == np.float32 and (scores == given.explanations[0].scores).all()
    Draft202012Validator(schema()).validate(written.record)


def test_the_same_result_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    options = {"heatmap": True, "npy": True, "cut_layers": True, "drawing": Drawing(colorbar=True)}
    given = result(explanations=[explanation("flow"), explanation()])
    for folder in ("one", "two"):
        write_result(given, WriteOptions(tmp_path / folder, **options))  # type: ignore[arg-type]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    before = contents(tmp_path / "one")
    write_result(given, WriteOptions(tmp_path / "one", **options))  # type: ignore[arg-type]
    assert contents(tmp_path / "one") == before


@pytest.mark.parametrize("foreign", ["cat.rollout.png", "cat.raw.png", "cat.json", "cat.raw.npy"])
def test_one_foreign_file_and_nothing_is_written(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).write_bytes(b"somebody's work")
    given = result(explanations=[explanation(), explanation("raw")])
    with pytest.raises(OutputError, match="`overwrite=True`"):
        write_result(given, WriteOptions(tmp_path, npy=True))
    assert contents(tmp_path) == {foreign: b"somebody's work"}
    write_result(given, WriteOptions(tmp_path, npy=True, overwrite=True))
    assert len(contents(tmp_path)) == 5


def test_an_output_of_another_input_is_foreign(tmp_path: Path) -> None:
    write_result(result(picture("a/cat.jpg", seed=1)), WriteOptions(tmp_path))
    before = contents(tmp_path)
    with pytest.raises(OutputError):
        write_result(result(picture("b/cat.jpg", seed=2)), WriteOptions(tmp_path))
    assert contents(tmp_path) == before
    write_result(result(picture("renamed/cat.jpg", seed=1)), WriteOptions(tmp_path))


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_result(result(), WriteOptions(tmp_path / "file" / "out"))
    assert list(contents(tmp_path)) == ["file"]


def test_a_stem_from_outside_writes_below_its_folders(tmp_path: Path) -> None:
    options = WriteOptions(tmp_path, record=False)
    written = write_result(result(), options, stem="birds/small/owl")
    assert list(contents(tmp_path)) == ["birds/small/owl.png"]
    assert written.record["explanations"][0]["files"] == {"overlay": "birds/small/owl.png"}
    beside = write_result(result(), WriteOptions(tmp_path), stem="birds/small/owl")
    assert beside.record["explanations"][0]["files"] == {"overlay": "owl.png"}


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "birds").symlink_to(outside)
    with pytest.raises(OutputError, match="leads out of the output folder"):
        write_result(result(), WriteOptions(out), stem="birds/owl")
    with pytest.raises(OutputError, match="leads out of the output folder"):
        write_result(result(), WriteOptions(out), stem="../escaped")
    assert contents(outside) == {} and sorted(path.name for path in tmp_path.iterdir()) == ["out", "outside"]


@pytest.mark.parametrize(
    "path", ["../../up.jpg", "/etc/abs.jpg", "x/..", "a\nb.jpg", ".dot.jpg", "caf\udce9.jpg", None]
)
def test_whatever_a_file_is_called_its_outputs_stay_in_the_folder(tmp_path: Path, path: str | None) -> None:
    out = tmp_path / "deep" / "out"
    written = write_result(result(picture(path)), WriteOptions(out))
    assert all(file.parent == out and not file.name.startswith(".") for file in written.paths)
    Draft202012Validator(schema()).validate(json.loads(written.paths[-1].read_bytes()))
    assert [entry.name for entry in tmp_path.iterdir()] == ["deep"]


def overlays(*explanations: Explanation) -> list[str]:
    """Return the names of the overlays that are written of one picture."""
    with tempfile.TemporaryDirectory() as folder:
        written = write_result(result(explanations=explanations), WriteOptions(Path(folder)))
    return [entry["files"]["overlay"] for entry in written.record["explanations"]]


def test_one_explanation_has_the_name_of_the_picture_whatever_its_options() -> None:
    assert overlays(explanation("mean:attn-lrp:layers=1:12+rollout:fusion=gradient,layers=4:12")) == ["cat.png"]


def test_several_have_the_method_and_those_of_one_method_the_options_in_which_they_differ() -> None:
    assert overlays(explanation("rollout:layers=7:12"), explanation("raw")) == ["cat.rollout.png", "cat.raw.png"]
    given = (
        "rollout:layers=7:12,residual=0.3",
        "rollout:layers=1:6,residual=0.3",
        "rollout:residual=0.3",
        "raw:head=3",
    )
    names = ["cat.rollout-layers-7-12.png", "cat.rollout-layers-1-6.png", "cat.rollout.png", "cat.raw.png"]
    assert overlays(*map(explanation, given)) == names
    means = [explanation(f"mean:attn-lrp:layers=1:12+rollout:fusion=gradient,layers={first}:12") for first in (4, 5)]
    assert overlays(*means) == ["cat.mean-layers-4-12.png", "cat.mean-layers-5-12.png"]
    long = [explanation("mean:" + "+".join(["rollout"] * count)) for count in (9, 10)]
    first, second = overlays(*long)
    for name in (first, second):
        assert re.fullmatch(r"cat\.mean-rollout-[a-z-]+-[0-9a-f]{8}\.png", name) and len(name) <= len("cat..png") + 60
    assert first != second


def test_a_class_is_named_unless_it_is_the_first_prediction_alone() -> None:
    def of(target: Target, spec: str = "relevance") -> Explanation:
        return replace(explanation(spec), target=target)

    tabby, lynx, crane = Target(3, "tabby", None), Target(7, "Lynx, catamount", None), Target(8, "crane", None)
    assert overlays(of(tabby)) == ["cat.png"]
    assert overlays(of(lynx)) == ["cat.lynx-catamount.png"]
    assert overlays(of(tabby), of(lynx)) == ["cat.tabby.png", "cat.lynx-catamount.png"]
    assert overlays(of(lynx), of(lynx, "raw")) == ["cat.relevance-lynx-catamount.png", "cat.raw-lynx-catamount.png"]
    assert overlays(of(Target(3, "tabby", None, against=lynx))) == ["cat.tabby-against-lynx-catamount.png"]
    assert overlays(of(replace(lynx, lowers=True))) == ["cat.not-lynx-catamount.png"]
    assert overlays(of(Target(9, None, None))) == ["cat.class-9.png"]
    assert overlays(of(crane), of(Target(9, "crane", None))) == ["cat.class-8.png", "cat.class-9.png"]
    assert overlays(of(Target(9, "heatmap", None))) == ["cat.class-9.png"]


def test_two_specs_that_give_one_name_do_not_overwrite_each_other() -> None:
    files = overlays(explanation("m:a=1,2"), explanation("m:a=1:2"), explanation("m:a=1,2"))
    assert files[0] == files[2] != files[1]
    assert not set("".join(files)) & set("=:,")


def test_the_picture_itself_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.new("RGB", (8, 8)).save(path)
    before = path.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="the picture itself"):
            write_result(result(picture(str(path))), WriteOptions(tmp_path, overwrite=overwrite))
        with pytest.raises(OutputError, match="the picture itself"):
            write_single(tmp_path, str(path), ".png", b"", "0" * 64, overwrite)
    assert contents(tmp_path) == {"cat.png": before}


def test_a_record_under_its_earlier_name_is_recognised(tmp_path: Path) -> None:
    first = write_result(result(), WriteOptions(tmp_path))
    assert first.older is None
    first.paths[-1].rename(tmp_path / "cat.jpg.json")
    assert write_result(result(), WriteOptions(tmp_path)).older == tmp_path / "cat.jpg.json"
    assert write_result(result(picture(seed=3)), WriteOptions(tmp_path, overwrite=True)).older is None


def test_a_given_scale_stands_in_the_record(tmp_path: Path) -> None:
    written = write_result(result(), WriteOptions(tmp_path, drawing=Drawing(scale=(0, 0.5))))
    assert written.record["explanations"][0]["display"] == {"low": 0, "high": 0.5}


def test_many_threads_write_many_results(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(write_result, result(picture(seed=k)), WriteOptions(tmp_path), f"{k % 5}/{k}")
            for k in range(60)
        ]
        for job in jobs:
            job.result()
    assert len(contents(tmp_path)) == 120 and not list(tmp_path.rglob("*.tmp"))
