"""`vitexplain animate`: its files, its numbers against those of `run` and of the judge, and what it refuses."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from PIL import Image

from tests.cli.command_line import command_line
from vitexplain.methods import METHODS, has_layers
from vitexplain.models.timm_import import import_timm
from vitexplain.output import input_of, schema

KOALA = Path(__file__).parents[2] / "sample_images" / "koala.jpg"


def record_of(*arguments: object) -> dict[str, Any]:
    ended = command_line("animate", KOALA, *arguments, "--json", "--quiet")
    assert ended.code == 0, ended.err
    record: dict[str, Any] = json.loads(ended.out)
    jsonschema.validate(record, schema("animation"))
    return record


@pytest.mark.parametrize("over", ["layers", "deletion"])
@pytest.mark.parametrize("form", ["gif", "webp"])
def test_the_file(over: str, form: str, tiny_model: Path, tmp_path: Path) -> None:
    options = ("--model", tiny_model, "-m", "raw", "--over", over, "--format", form, "--size", 200, "-o", tmp_path)
    ended = command_line("animate", KOALA, *options, "--frames", 2, "--duration", 0.1)
    assert ended.code == 0, ended.err
    path = tmp_path / f"koala.animate-{over}.{form}"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert f"animation: {path}" in ended.out.splitlines()
    with Image.open(path) as opened:
        assert opened.format == form.upper() and max(opened.size) == 200
        assert getattr(opened, "n_frames", 1) == 2
    record = json.loads(command_line("animate", KOALA, *options, "--json", "--quiet").out)
    assert input_of(path) == record["image"]["sha256"], "its own file is replaced unasked"
    path.write_bytes(b"somebody else's")
    assert command_line("animate", KOALA, *options).code == 6
    assert path.read_bytes() == b"somebody else's"


def test_frames_by_layer_are_the_maps_of_run(tiny_model: Path) -> None:
    options = ("--model", tiny_model, "-m", "rollout")
    frames = record_of(*options)["frames"]
    assert [frame["layers"] for frame in frames] == [[1, 1], [1, 2]]
    for frame in frames:
        first, last = frame["layers"]
        ended = command_line("run", KOALA, *options, "--layers", f"{first}:{last}", "--json", "--quiet")
        (alone,) = json.loads(ended.out)["explanations"]
        assert (frame["scores"], frame["display"], frame["spec"]) == (alone["scores"], alone["display"], alone["spec"])


def test_without_a_method_the_default_is_shown_over_all_layers() -> None:
    record = record_of("--frames", 3)
    assert record["spec"] == "attn-lrp:layers=1:12,smooth=0.5"
    assert [frame["layers"] for frame in record["frames"]] == [[1, 1], [1, 7], [1, 12]]


def test_the_deletion_has_the_area_that_the_judge_states(tiny_model: Path) -> None:
    options = ("-m", "rollout", "--model", tiny_model, "--fill", "black", "--seed", "3")
    record = record_of("--over", "deletion", *options, "--frames", 5)
    answers, random = ([frame[name] for frame in record["frames"]] for name in ("answer", "random"))
    assert [frame["removed"] for frame in record["frames"]] == [0, 4, 8, 12, 16]
    assert answers[0] == pytest.approx(record["predictions"][0]["probability"], rel=1e-5)
    judged = ("--metric", "deletion", "--steps", "4", "--json", "--quiet")
    rows = [json.loads(line) for line in command_line("evaluate", KOALA, *options, *judged).out.splitlines()]
    stated = {row["method"]: row["mean"] for row in rows if row["metric"] == "deletion"}
    for name, curve in (("rollout", answers), ("random", random)):
        area = sum((one + two) / 2 for one, two in pairwise(curve)) / 4
        assert area == pytest.approx(stated[name], abs=2e-6)


def test_patches_are_removed_in_the_order_of_scores(tiny_model: Path) -> None:
    options = ("--model", tiny_model, "-m", "attn-lrp")
    record = record_of(*options, "--over", "deletion", "--frames", 17)
    (alone,) = json.loads(command_line("run", KOALA, *options, "--json", "--quiet").out)["explanations"]
    order = [patch for frame in record["frames"] for patch in frame["patches"]]
    scores = [alone["scores"][row][col] for row, col in order]
    assert scores == sorted(scores, reverse=True) and len({tuple(patch) for patch in order}) == 16
    assert record["target"] == alone["target"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "raw", "-m", "rollout"), "animate shows one method, given 2: give --method once"),
        (("--layers", "2:2"), "layer 2 alone is one frame: give more with --layers, or --over deletion"),
        (("--target", "top2"), "animate shows one class: give --target top1, an index or a label"),
        (("--over", "heads"), "over 'heads' is not valid: expected layers or deletion"),
        (("--format", "mp4"), "format 'mp4' is not valid: expected gif or webp"),
        (("--fill", "mean"), "--fill has no effect: none of the chosen methods (rollout) has that option"),
    ],
)
def test_what_is_refused(options: tuple[str, ...], words: str, tiny_model: Path, tmp_path: Path) -> None:
    ended = command_line("animate", KOALA, *options, "--model", tiny_model, "-o", tmp_path)
    assert (ended.code, ended.error_line) == (2, f"error: {words}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not has_layers(method())])
def test_a_method_without_layers_is_refused_with_those_that_have_them(name: str, tiny_model: Path) -> None:
    ended = command_line("animate", KOALA, "-m", name, "--model", tiny_model, "--json")
    assert ended.code == 2 and "has no map for each layer" in ended.error_line
    advice = ended.error_line.partition("take ")[2]
    assert advice == "raw, rollout, flow, libra or attn-lrp with --layers 1:12, or --over deletion"


def test_the_advice_works(tiny_model: Path) -> None:
    for advised in (("raw",), ("rollout",), ("flow",), ("libra",), ("attn-lrp", "--layers", "1:2")):
        assert len(record_of("--model", tiny_model, "-m", *advised)["frames"]) == 2
    assert (
        record_of("--model", tiny_model, "-m", "relevance", "--over", "deletion", "--frames", 3)["of"] == "probability"
    )


def test_a_model_without_classes(tmp_path: Path) -> None:
    """A deletion needs something to ask; the advice is followed."""
    torch.manual_seed(0)
    weights = tmp_path / "features.pth"
    torch.save(import_timm().create_model("vit_tiny_patch16_224", num_classes=0).state_dict(), weights)
    options = ("--model", "vit_tiny_patch16_224", "--weights", weights, "--num-classes", 0, "--frames", 2)
    ended = command_line("animate", KOALA, *options, "--over", "deletion", "-m", "raw", "-o", tmp_path / "out")
    assert (
        ended.code == 4
        and "give a picture to compare with as --reference-image, and --method relevance, or --over "
        in (ended.error_line)
    )
    compared = ("--over", "deletion", "--reference-image", KOALA.with_name("cat.jpg"), "-m", "relevance")
    record = record_of(*options, *compared)
    assert (record["of"], record["target"]["kind"]) == ("similarity", "similarity")
    assert record["frames"][0]["answer"] == pytest.approx(record["target"]["similarity"], rel=1e-5)
    assert len(record_of(*options, "--over", "layers")["frames"]) == 2


def test_a_picture_that_is_not_there_is_found_before_a_model(tmp_path: Path) -> None:
    ended = command_line("animate", tmp_path / "no.jpg", "--model", tmp_path / "none", "--json")
    assert ended.code == 3 and json.loads(ended.out)["error"]["type"] == "InputError"
