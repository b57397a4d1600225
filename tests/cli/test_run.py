"""`vitexplain run` from end to end on the built-in model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import command_line
from vitexplain.cli.flags import with_flags
from vitexplain.output import input_of, schema

SAMPLES = Path(__file__).parents[2] / "sample_images"
KOALA = SAMPLES / "koala.jpg"


def test_the_first_command_explains_a_real_prediction(tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "--out", tmp_path)
    assert ended.code == 0
    assert "koala" in ended.out.splitlines()[2]
    assert len([line for line in ended.out.splitlines() if re.search(r"\d%  +-?\d", line)]) == 5
    assert str(tmp_path / "koala.png") in ended.out.replace("\n", "")
    assert "built-in model: 200 ImageNet classes; for all 1,000 use --model vit_base_patch16_224" in ended.err
    record = json.loads((tmp_path / "koala.json").read_text())
    jsonschema.validate(record, schema())
    assert record["predictions"][0]["label"] == "koala"
    assert record["predictions"][0]["probability"] > 0.9
    assert record["model"]["grid"] == [16, 16]
    assert record["explanations"][0]["spec"] == "attn-lrp:layers=1:12,smooth=0.5"
    assert record["explanations"][0]["target"]["label"] == "koala"
    scores = np.array(record["explanations"][0]["scores"])
    assert scores.shape == (16, 16) and scores.max() > -2 * scores.min() > 0
    with (
        Image.open(tmp_path / "koala.png") as overlay,
        Image.open(KOALA) as photo,
    ):
        assert overlay.size == photo.size
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["koala.json", "koala.png"]


def test_the_default_gives_way_where_the_model_cannot_serve_it() -> None:
    ended = command_line("run", KOALA, "--json", "--dtype", "bfloat16", "--layers", "7:12")
    assert ended.code == 0
    assert [each["spec"] for each in json.loads(ended.out)["explanations"]] == ["rollout:layers=7:12"]
    assert "plain rollout instead of the default: half precision is too coarse for gradients" in ended.err
    for flags in (("--target", "koala"), ("--fusion", "gradient")):
        asked = command_line("run", KOALA, "--json", "--dtype", "bfloat16", *flags)
        assert asked.code == 2 and "use --dtype float32" in asked.err
    for flags, spec in ((("--fusion", "max"), "rollout:fusion=max"), (("--head", "3"), "rollout:head=3")):
        asked = command_line("run", KOALA, "--json", "--dtype", "bfloat16", *flags)
        assert [each["spec"] for each in json.loads(asked.out)["explanations"]] == [spec]
        assert "plain rollout" not in asked.err


def test_the_classes_that_were_asked_for_are_named(tmp_path: Path) -> None:
    for flags, words in (
        ((), None),
        (("--target", "baboon"), "explained: baboon"),
        (("--target", "koala", "--against", "baboon"), "explained: koala against baboon"),
    ):
        ended = command_line("run", KOALA, "--out", tmp_path, "-m", "relevance", *flags)
        lines = [line for line in ended.out.splitlines() if line.startswith("explained:")]
        assert lines == ([words] if words else []), ended.err


def test_a_target_may_be_repeated_as_with_commas() -> None:
    given = ("run", KOALA, "--json", "--quiet", "-m", "relevance")
    repeated = json.loads(command_line(*given, "--target", "koala", "--target", "baboon").out)
    joined = json.loads(command_line(*given, "--target", "koala,baboon").out)
    assert [each["target"]["label"] for each in repeated["explanations"]] == ["koala", "baboon"]
    assert repeated["explanations"] == joined["explanations"]
    ended = command_line(*given, "--target", "top1", "--target", "baboon")
    assert ended.code == 2
    assert "'top1' stands alone" in ended.error_line


def test_json_is_clean_repeatable_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("run", KOALA, "--json", "-m", "raw", "-m", "rollout", "-m", "random", "--quiet")
    first, second = command_line(*arguments), command_line(*arguments)
    assert (first.code, first.err) == (0, "")
    records = [json.loads(ended.out) for ended in (first, second)]
    for record in records:
        jsonschema.validate(record, schema())
        del record["seconds"]
    assert records[0] == records[1]
    assert [explanation["spec"] for explanation in records[0]["explanations"]] == ["raw", "rollout", "random"]
    assert list(tmp_path.iterdir()) == []


def test_the_same_command_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    arguments = ("run", KOALA, "-m", "rollout", "-m", "flow:layers=7:12", "--npy", "--heatmap", "--cut-layers")
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        assert command_line(*arguments, "--out", folder).code == 0
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == [
        "koala.flow.cut-layers.png",
        "koala.flow.heatmap.png",
        "koala.flow.npy",
        "koala.flow.png",
        "koala.json",
        "koala.rollout.heatmap.png",
        "koala.rollout.npy",
        "koala.rollout.png",
    ]
    for name in names:
        first, second = ((folder / name).read_bytes() for folder in folders)
        if name.endswith(".json"):
            records = [json.loads(text) for text in (first, second)]
            jsonschema.validate(records[0], schema())
            for record in records:
                del record["seconds"]
            assert records[0] == records[1]
        else:
            assert first == second
    record = json.loads((folders[0] / "koala.json").read_text())
    raw = np.load(folders[0] / "koala.flow.npy")
    assert np.array_equal(raw, np.array(record["explanations"][1]["scores"]))


def test_several_images_one_of_them_broken(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(KOALA.read_bytes()[:1000])
    ended = command_line("run", KOALA, broken, SAMPLES / "pig.jpg", "--json", "--out", tmp_path / "out")
    assert ended.code == 1
    records = [json.loads(line) for line in ended.out.splitlines()]
    for record in records:
        jsonschema.validate(record, schema())
    assert [record.get("error", {}).get("type") for record in records] == [None, "InputError", None]
    assert str(broken) in ended.error_line
    assert (tmp_path / "out" / "pig.json").exists()
    assert not (tmp_path / "out" / "broken.json").exists()


def test_an_image_from_stdin(tmp_path: Path) -> None:
    ended = command_line("run", "-", "--out", tmp_path, stdin=KOALA.read_bytes())
    assert ended.code == 0
    record = json.loads((tmp_path / "stdin.json").read_text())
    assert record["image"]["path"] == "-"
    assert record["predictions"][0]["label"] == "koala"


def test_own_outputs_are_replaced_foreign_ones_never(tmp_path: Path) -> None:
    assert command_line("run", KOALA, "--out", tmp_path).code == 0
    assert command_line("run", KOALA, "--out", tmp_path, "--colormap", "cividis").code == 0
    other = tmp_path / "other" / "koala.jpg"
    other.parent.mkdir()
    other.write_bytes((SAMPLES / "pig.jpg").read_bytes())
    before = (tmp_path / "koala.json").read_bytes()
    ended = command_line("run", other, "--out", tmp_path)
    assert ended.code == 6
    assert "--overwrite" in ended.error_line
    assert (tmp_path / "koala.json").read_bytes() == before
    assert command_line("run", other, "--out", tmp_path, "--overwrite").code == 0
    assert (tmp_path / "koala.json").read_bytes() != before


def test_more_predictions_than_classes_are_all_classes() -> None:
    record = json.loads(command_line("run", KOALA, "--json", "-q", "-m", "random", "--top-k", "500").out)
    assert len(record["predictions"]) == 200


def test_verify_checks_every_patch_and_measures_the_gap(tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "--json", "-q", "-m", "flow:layers=11:12", "--verify")
    (explanation,) = json.loads(ended.out)["explanations"]
    assert explanation["spec"] == "flow:layers=11:12"
    assert explanation["statistics"]["verified"] == 256
    assert explanation["statistics"]["gap"] < 1e-12
    told = command_line("run", KOALA, "-q", "-m", "flow:layers=12", "--verify", "--out", tmp_path).out
    assert re.search(r"flow:layers=12:12: 256 flows verified, largest gap \d\.\de-1\d\n", told)
    assert "--verify has no effect" in command_line("run", KOALA, "--json", "--verify").error_line


def test_flags_reach_every_method_that_has_them() -> None:
    ended = command_line(
        "run", KOALA, "--json", "-m", "raw", "-m", "rollout:residual=0.2", "--layers", "3:5", "--source", "patch:2,5"
    )
    specs = [explanation["spec"] for explanation in json.loads(ended.out)["explanations"]]
    assert specs == ["raw:layers=3:5,source=patch:2,5", "rollout:layers=3:5,residual=0.2,source=patch:2,5"]
    assert ended.err.count("enter layer 3, each of which already holds some of the other patches") == 1


def test_the_flags_of_methods_that_run_the_model_again() -> None:
    options = ("-m", "integrated-gradients", "--steps", "2", "-m", "blank-out:window=16", "--of", "probability")
    ended = command_line("run", KOALA, "--json", "--quiet", "--fill", "black", *options)
    specs = [explanation["spec"] for explanation in json.loads(ended.out)["explanations"]]
    assert specs == ["integrated-gradients:fill=black,steps=2", "blank-out:fill=black,of=probability,window=16"]


BAD_USAGE = [
    (["--steps", "4"], "--steps has no effect: none of the chosen methods (rollout)"),
    (
        ["-m", "rollout:residual=0.3", "--residual", "0.4"],
        "--residual 0.4 has no effect beside --method rollout:residual=0.3",
    ),
    (["--of", "logit"], "--of has no effect"),
    (["-m", "integrated-gradients", "--steps", "0"], "expected a number of steps from 1"),
    (["--method", "rolout"], "did you mean rollout"),
    (["--method", "raw", "--residual", "0.3"], "--residual has no effect"),
    (["--residual", "2"], "expected a number from 0 to 1"),
    (["--head", "1", "--fusion", "max"], "cannot be combined"),
    (["--head", "77"], "the model has heads 0 to 5"),
    (["--layers", "3:40"], "the model has layers 1 to 12"),
    (["--layers", "5:3"], "expected A:B"),
    (["--source", "patch:16,0"], "outside the grid of 16 x 16"),
    (["--source", "token:257"], "the model has tokens 0 to 256"),
    (["--alpha", "2"], "alpha"),
    (["--colormap", "rainbows"], "colormap"),
    (["--scale", "1"], "LOW:HIGH"),
    (["--device", "tpu"], "expected auto, cpu"),
    (["--dtype", "int8"], "dtype"),
    (["--top-k", "0"], "greater than or equal to 1"),
    (["--num-classes", "-1"], "greater than or equal to 0"),
    (["--alpha", "x"], "valid number"),
    (["--bogus"], "(see vitexplain run --help)"),
]


@pytest.mark.parametrize(
    ("options", "message"), BAD_USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_options_are_one_line_exit_2_and_write_nothing(options: list[str], message: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = command_line("run", KOALA, "--out", out, *options)
    assert ended.code == 2
    assert message in ended.error_line
    assert len([line for line in ended.err.splitlines() if "built-in model" not in line]) == 1
    assert not out.exists()


@pytest.mark.parametrize(("command", "given"), [("run", KOALA), ("batch", SAMPLES)])
def test_cut_layers_without_a_flow_are_refused(command: str, given: Path, tmp_path: Path) -> None:
    ended = command_line(command, given, "--out", tmp_path / "out", "--cut-layers")
    assert ended.code == 2
    assert "--cut-layers has no effect: none of the chosen methods is a flow" in ended.error_line
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_written_are_refused() -> None:
    for flag in ("--npy", "--heatmap", "--cut-layers"):
        ended = command_line("run", KOALA, "--json", "-m", "flow", flag)
        assert ended.code == 2
        assert f"{flag} has no effect: with --json files are written only with --out" in ended.error_line


def broken_inputs(folder: Path) -> dict[str, tuple[Path, int]]:
    """Return inputs that cannot be explained, each with the exit code that it deserves."""
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "cut.png").write_bytes((SAMPLES / "tabby.png").read_bytes()[:5000])
    return {
        "missing": (folder / "missing.jpg", 3),
        "empty": (folder / "empty.jpg", 3),
        "text": (folder / "text.jpg", 3),
        "cut": (folder / "cut.png", 3),
        "directory": (folder, 2),
    }


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "directory"])
def test_bad_inputs_are_one_line_with_their_exit_code(kind: str, tmp_path: Path) -> None:
    path, code = broken_inputs(tmp_path)[kind]
    out = tmp_path / "out"
    ended = command_line("run", path, "--out", out)
    assert ended.code == code
    assert str(path) in ended.error_line
    assert not out.exists()


def test_an_output_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    ended = command_line("run", KOALA, "--out", tmp_path / "file" / "out")
    assert ended.code == 6
    assert "not a folder" in ended.error_line
    assert (tmp_path / "file").read_text() == "kept"


def test_pixels_above_the_limit() -> None:
    ended = command_line("run", KOALA, "--json", "--max-pixels", "1000")
    assert ended.code == 5
    assert "pixels" in ended.error_line


def test_the_variables_set_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEXPLAIN_METHOD", "raw")
    record = json.loads(command_line("run", KOALA, "--json").out)
    assert [explanation["method"] for explanation in record["explanations"]] == ["raw"]


def test_the_built_in_model_is_announced_only_where_it_was_not_asked_for() -> None:
    ended = command_line("run", KOALA, "--json", "--discard", "0.1")
    assert "built-in model" in ended.err
    # What is true of a method on every picture is in the record alone.
    assert "the tokens that enter" in ended.out and "the tokens that enter" not in ended.err
    assert command_line("run", KOALA, "--json", "--model", "builtin", "-m", "raw").err == ""


def test_a_model_without_classifier_says_so() -> None:
    record = json.loads(command_line("run", KOALA, "--json", "--num-classes", "0", "-m", "raw").out)
    jsonschema.validate(record, schema())
    assert record["predictions"] == []
    (notice,) = record["notices"]
    assert notice.startswith(
        "model 'builtin' has no classifier: explained without predictions; give `reference_image=`"
    )
    ended = command_line("run", KOALA, "--json", "--num-classes", "0")
    assert [each["spec"] for each in json.loads(ended.out)["explanations"]] == ["rollout"]
    assert "plain rollout instead of the default: the model has no classifier" in ended.err


def test_weights_that_hold_nan_are_one_line(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from vitexplain.models.builtin.network import WEIGHTS_FILE

    weights = load_file(WEIGHTS_FILE)
    weights["head.weight"] = torch.full_like(weights["head.weight"], torch.nan)
    save_file(weights, tmp_path / "nan.safetensors")
    for method in ("rollout", "random", "flow"):
        ended = command_line("run", KOALA, "--json", "--weights", tmp_path / "nan.safetensors", "-m", method)
        assert ended.code == 4
        assert "head.weight holds NaN or infinite numbers" in ended.error_line


def test_notices_of_several_images_say_of_which() -> None:
    horse, bison = SAMPLES / "horse.jpg", SAMPLES / "bison.jpg"
    ended = command_line("run", horse, bison, "--json", "-m", "raw", "-m", "rollout:layers=7:12")
    notices = {}
    for record in map(json.loads, ended.out.splitlines()):
        for each in record["explanations"]:
            notices[record["image"]["path"], each["spec"]] = each["notices"]
    (both,) = notices[str(horse), "rollout:layers=7:12"]
    assert both in notices[str(bison), "rollout:layers=7:12"]
    lines = [line for line in ended.err.splitlines() if line.startswith("note: ")]
    assert f"note: 2 images: {both}" in lines
    assert notices[str(horse), "raw"] == []
    (alone,) = notices[str(bison), "raw"]
    assert f"note: {bison}: raw: {with_flags(alone)}" in lines
    assert len(lines) == len(set(lines))


def test_notices_are_said_where_a_later_image_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from vitexplain import pipeline

    explain_many = pipeline.explain_many

    def interrupted(model: Any, sources: list[Any], request: Any) -> Any:
        if sources[0] != str(KOALA):
            raise KeyboardInterrupt
        return explain_many(model, sources, request)

    monkeypatch.setattr(pipeline, "explain_many", interrupted)
    ended = command_line("run", KOALA, SAMPLES / "cat.jpg", "--json", "-m", "rollout:layers=7:12")
    assert (ended.code, len(ended.out.splitlines())) == (130, 1)
    assert f"note: {KOALA}: the scores are those of the tokens that enter layer 7" in ended.err


@pytest.mark.parametrize("form", ["png", "svg", "pdf", "webp"])
def test_overlays_as_figures(form: str, tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "-m", "raw", "--format", form, "--caption", "-o", tmp_path, "-q")
    assert ended.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"koala.{form}", "koala.json"])
    record = json.loads((tmp_path / "koala.json").read_text())
    assert record["explanations"][0]["files"] == {"overlay": f"koala.{form}"}
    assert input_of(tmp_path / f"koala.{form}") == record["image"]["sha256"]
    if form == "svg":
        assert "highest score" in (tmp_path / "koala.svg").read_text()


def test_a_format_that_does_not_exist() -> None:
    ended = command_line("run", KOALA, "--format", "bmp")
    assert ended.code == 2 and "expected png, svg, pdf or webp" in ended.error_line
