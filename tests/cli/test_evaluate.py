"""`vitexplain evaluate` from end to end with a tiny model, its output and its errors (five seconds)."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import Ended, command_line
from tests.evaluation.small_images import pictures
from vitexplain.output import schema


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures(tmp_path / "in", 3)
    return tmp_path / "in"


def evaluate(model: Path, *arguments: object) -> Ended:
    return command_line("evaluate", "--model", model, *arguments)


def test_json_lines_validate_and_csv_says_the_same(tiny_model: Path, folder: Path) -> None:
    chosen = ("-m", "raw", "-m", "flow", "--fill", "blur", "--of", "probability", "--metric", "spearman")
    ended = evaluate(tiny_model, folder, *chosen, "--json")
    assert ended.code == 0, ended.err
    records = [json.loads(line) for line in ended.out.splitlines()]
    for record in records:
        jsonschema.validate(record, schema("evaluation"))
    assert {record["reference"] for record in records} == {"blank-out", "input-gradient"}
    assert {record["method"] for record in records} == {"raw", "flow", "random", "centre", "raw@other", "flow@other"}
    blanked = next(record for record in records if record["reference"] == "blank-out")
    assert (blanked["of"], blanked["fill"], blanked["window"]) == ("probability", "blur", 1)
    table = list(csv.DictReader(io.StringIO(evaluate(tiny_model, folder, *chosen, "--csv").out)))
    assert [row["mean"] for row in table] == [str(record["mean"]) for record in records]


def test_tables_and_files(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    metrics = [part for name in ("spearman", "insertion", "saco", "randomisation") for part in ("--metric", name)]
    ended = evaluate(tiny_model, folder, "-m", "raw", "--reference", "input-gradient", *metrics, "-o", out)
    assert ended.code == 0, ended.err
    for words in ("with input-gradient: 3 images, target top1", "L1", "raw@other", "authors' script", "SaCo"):
        assert words in ended.out
    names = {path.name for path in out.iterdir()}
    assert names == {
        "scores",
        "lock",
        "manifest.json",
        "evaluation.jsonl",
        "evaluation.csv",
        "evaluation.json",
        "evaluation.by-layer.png",
        "evaluation.curves.png",
        "evaluation.randomisation.png",
    }
    before = (out / "evaluation.jsonl").read_bytes()
    again = evaluate(tiny_model, folder, "-m", "raw", "--reference", "input-gradient", *metrics, "-o", out)
    assert again.out == ended.out
    assert (out / "evaluation.jsonl").read_bytes() == before
    assert evaluate(tiny_model, folder, "-m", "raw", "--metric", "insertion", "-o", out).code == 0
    assert {path.name for path in out.glob("*.png")} == {"evaluation.curves.png"}, "plots of earlier calls stay"


def test_no_others_leaves_one_control_out(tiny_model: Path, folder: Path) -> None:
    given = (folder, "-m", "raw", "--metric", "deletion", "--steps", 2, "--json")
    every = [json.loads(line) for line in evaluate(tiny_model, *given).out.splitlines()]
    fewer = [json.loads(line) for line in evaluate(tiny_model, *given, "--no-others").out.splitlines()]
    assert {record["method"] for record in every} == {"raw", "random", "centre", "raw@other"}
    assert {record["method"] for record in fewer} == {"raw", "random", "centre"}
    same = [record for record in every if record["metric"] == "deletion" and record["method"] != "raw@other"]
    assert [record for record in fewer if record["metric"] == "deletion"] == same


def test_one_broken_image_among_others(tiny_model: Path, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"no picture")
    ended = evaluate(tiny_model, folder, "-m", "raw", "--reference", "input-gradient", "--json")
    assert ended.code == 1
    assert "broken.jpg" in ended.error_line
    assert all(json.loads(line)["n"] == 3 for line in ended.out.splitlines())


def test_a_window_larger_than_the_grid(tiny_model: Path, folder: Path) -> None:
    ended = evaluate(tiny_model, folder / "0.png", "-m", "raw", "--window", "5", "--metric", "spearman")
    assert ended.code == 2
    assert "window 5 is too large" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--metric", "pearson"), 2, "metrics are spearman"),
        (("--target", "top5"), 2, "several classes"),
        (("--target", "ash", "--target", "oak"), 2, "target 'ash,oak' names several classes"),
        (("--target", "ashh"), 2, "ash"),
        (("-m", "rollout:layers=2:7"), 2, "layers 2:7 do not exist"),
        (("-m", "raw:head=9"), 2, "head"),
        (("--dtype", "bfloat16", "-m", "relevance"), 2, "--dtype float32"),
        (("--window", "2", "--reference", "input-gradient"), 2, "--window has no effect"),
        (("--json", "--csv"), 2, "cannot be combined"),
        (("--boxes", "a.tsv", "--masks", "b"), 2, "--boxes and --masks cannot be combined"),
        (("--metric", "auroc"), 2, "needs to know where the objects are: give --boxes or --masks"),
        (("--metric", "saco", "--reference", "raw"), 2, "--reference has no effect without --metric spearman"),
        (("-m", "raw", "--metric", "completeness"), 2, "add integrated-gradients"),
        (("--boxes", "missing.tsv"), 3, "missing.tsv: no such file"),
        (("--masks", "missing"), 3, "missing: cannot be read"),
    ],
)
def test_bad_options(tiny_model: Path, folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended = evaluate(tiny_model, folder, *arguments)
    assert ended.code == code
    assert words in ended.error_line
    assert ended.out == ""


def test_bad_places(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no picture in it" in (ended := evaluate(tiny_model, empty)).error_line
    assert ended.code == 3
    assert "no such file" in (ended := evaluate(tiny_model, tmp_path / "missing.png", "-m", "raw")).error_line
    assert ended.code == 3
    below = folder / "0.png" / "out"
    assert "is not a folder" in (ended := evaluate(tiny_model, folder, "-o", below)).error_line
    assert ended.code == 6


def test_scores_of_another_model_are_not_mixed(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    chosen = ("-m", "raw", "--reference", "input-gradient", "-o", tmp_path / "out")
    assert evaluate(tiny_model, folder, *chosen).code == 0
    ended = evaluate(tiny_model, folder, *chosen, "--target", "oak")
    assert ended.code == 2
    assert "target top1, now oak" in ended.error_line


def test_boxes_and_masks(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.tsv"
    boxes.write_text(
        "file\tclass\tleft\ttop\tright\tbottom\n"
        + "".join(f"{n}.png\telm\t2\t2\t12\t12\n" for n in (0, 1, 7))
        + "1.png\tyew\t2\t2\t12\t12\n"
    )
    given = (folder, "-m", "raw", "-m", "relevance", "--steps", 2)
    ended = evaluate(tiny_model, *given, "--boxes", boxes)
    assert ended.code == 0, ended.err
    assert "AUROC, patches of the object against the others (higher is better): 2 images with boxes, 2 off" in ended.out
    assert "By AUROC, 2 images are too few to tell (at least 20)." in ended.out
    assert "Insertion minus deletion of the probability" in ended.out
    assert "without box or mask, and so without localisation: 1 image\n" in ended.err
    assert "with a box or mask, but not among the images: 7.png\n" in ended.err
    assert "classes of boxes that the model does not have: yew; where none of a picture's boxes" in ended.err
    only = evaluate(tiny_model, *given, "--boxes", boxes, "--metric", "energy", "--json")
    assert {json.loads(line)["metric"].split("_")[0] for line in only.out.splitlines()} == {"energy"}
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in range(3):
        mask = np.zeros((32, 32), np.uint8)
        mask[2:13, 2:13] = 1
        Image.fromarray(mask).save(masks / f"{number}.png")
    by_masks = evaluate(tiny_model, *given, "--masks", masks, "--metric", "sparseness", "--json")
    records = [json.loads(line) for line in by_masks.out.splitlines()]
    assert {record["metric"].split("_")[0] for record in records} == {"energy", "auroc", "pointing", "sparseness"}
    records = [record for record in records if record["metric"] != "sparseness"]
    assert {record["n"] for record in records} == {3} and {record["objects"] for record in records} == {"masks"}


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ("0.png\telm\t2\t2\t12\n", 3, "boxes.tsv, line 1: 5 columns"),
        ("other.png\telm\t2\t2\t12\t12\n", 3, "none of its files is among the images"),
        ("0.png\telm\t2\t2\t32\t12\n", 1, "0.png: a picture of 32 x 32 pixels, but"),
    ],
)
def test_boxes_that_do_not_fit(
    lines: str, code: int, words: str, tiny_model: Path, folder: Path, tmp_path: Path
) -> None:
    boxes = tmp_path / "boxes.tsv"
    boxes.write_text(lines)
    ended = evaluate(tiny_model, folder, "-m", "raw", "--metric", "sparseness", "--boxes", boxes)
    assert ended.code == code
    assert words in ended.err and (words in ended.error_line or code == 1)
    assert ("Sparseness" in ended.out) == (code == 1), "the other images are judged"
    assert "undefined" not in ended.out, "no table of an image that failed"
    assert code != 1 or "1 image failed and is left out" in ended.err


def test_without_methods_six_are_judged_and_a_reference_asks_for_correlations(tiny_model: Path, folder: Path) -> None:
    ended = evaluate(tiny_model, folder, "--steps", 2, "--json")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert {"attn-lrp", "relevance", "raw", "rollout", "flow"} <= {record["method"] for record in records}
    assert {record["metric"] for record in records} >= {"insertion_minus_deletion", "logit_insertion_minus_deletion"}
    by_reference = evaluate(tiny_model, folder, "-m", "raw", "--reference", "input-gradient", "--json")
    assert {json.loads(line)["metric"] for line in by_reference.out.splitlines()} == {
        "spearman",
        "spearman_difference",
        "spearman_from_best",
    }
