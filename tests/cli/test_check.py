"""`run` and `batch` with --check and --outline: what is printed, written and refused; the advice of messages works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import command_line
from tests.tiny_folder import write_tiny_folder
from vitexplain.output import schema

SAMPLES = Path(__file__).parents[2] / "sample_images"
KOALA = SAMPLES / "koala.jpg"


def record_of(model: Path, *arguments: object) -> dict[str, Any]:
    ended = command_line("run", KOALA, "--model", model, "--json", *arguments)
    assert ended.code == 0, ended.err
    record: dict[str, Any] = json.loads(ended.out)
    jsonschema.validate(record, schema())
    return record


def test_the_table_and_the_words_are_those_of_the_record(tiny_model: Path, tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "--model", tiny_model, "-m", "relevance", "--check", "-o", tmp_path)
    assert ended.code == 0, ended.err
    record = json.loads((tmp_path / "koala.json").read_text())
    jsonschema.validate(record, schema())
    check = record["explanations"][0]["check"]
    assert check["target"] == record["explanations"][0]["target"]
    name, count = check["target"]["label"], check["patches"]
    lines = ended.out.splitlines()
    start = lines.index(f"check of relevance, {name}")
    assert lines[start + 1].split() == ["patches", "removed", "kept", "alone"]
    cells = [line.split() for line in lines[start + 2 : start + 6]]
    assert count == 2 and cells[0][:3] == ["the", "2", "highest"]
    assert cells[0][-2:] == [f"{check['removed']['highest']:.1%}", f"{check['kept']['highest']:.1%}"]
    assert cells[1][-2:] == [f"{np.mean(check[kind]['random']):.1%}" for kind in ("removed", "kept")]
    assert cells[3] == ["all", f"{check['empty']:.1%}", f"{check['whole']:.1%}"]
    assert lines[start + 6].startswith("Verdict: ")
    assert lines[start + 7].startswith(f"Without its 2 highest patches {name} ")
    assert check["suffices"] == len(check["sufficient"])
    scores = np.array(record["explanations"][0]["scores"])
    inside = np.zeros(scores.shape, bool)
    for row, col in check["sufficient"]:
        inside[row, col] = True
    assert not inside.any() or inside.all() or scores[inside].min() >= scores[~inside].max()


def test_the_same_command_gives_the_same_bytes_and_the_seed_other_draws(tiny_model: Path) -> None:
    methods = ("-m", "rollout", "-m", "relevance", "--check", "--check-share", "0.3")
    one, two = record_of(tiny_model, *methods), record_of(tiny_model, *methods)
    seeded, filled = record_of(tiny_model, *methods, "--seed", 3), record_of(tiny_model, *methods, "--fill", "black")
    for record in (one, two, seeded, filled):
        del record["seconds"]
    assert json.dumps(one) == json.dumps(two)
    checks = [[each["check"] for each in record["explanations"]] for record in (one, seeded, filled)]
    assert [(each["seed"], each["fill"]) for each in (rows[0] for rows in checks)] == [
        (0, "mean"),
        (3, "mean"),
        (0, "black"),
    ]
    assert checks[0][0]["removed"]["random"] != checks[1][0]["removed"]["random"]
    assert checks[0][0]["removed"]["highest"] == checks[1][0]["removed"]["highest"]
    assert checks[0][0]["removed"]["highest"] != checks[2][0]["removed"]["highest"]
    assert checks[0][0]["removed"]["random"] == checks[0][1]["removed"]["random"]
    assert checks[0][0]["patches"] == 5


def test_flags_of_methods_still_belong_to_them(tiny_model: Path) -> None:
    record = record_of(
        tiny_model, "-m", "random", "-m", "blank-out:window=4", "--check", "--seed", 3, "--fill", "black"
    )
    assert [each["spec"] for each in record["explanations"]] == ["random:seed=3", "blank-out:fill=black,window=4"]
    assert {each["check"]["seed"] for each in record["explanations"]} == {3}
    refused = command_line("run", KOALA, "--model", tiny_model, "-m", "rollout", "--seed", 3)
    assert refused.code == 2 and "--seed has no effect" in refused.error_line


def test_an_image_of_a_batch_has_the_check_it_has_alone(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    common = ("--model", tiny_model, "-m", "relevance", "--check-share", "0.2")
    ended = command_line("batch", folder, *common, "--outline", "-o", tmp_path / "out", "--workers", 0)
    assert ended.code == 0, ended.err
    for line in (tmp_path / "out" / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        jsonschema.validate(record, schema())
        alone = json.loads(command_line("run", record["image"]["path"], *common, "--json").out)
        one, other = record["explanations"][0]["check"], alone["explanations"][0]["check"]
        assert {key: one[key] for key in ("patches", "sufficient", "changes", "keeps")} == {
            key: other[key] for key in ("patches", "sufficient", "changes", "keeps")
        }
        assert one["removed"]["random"] == pytest.approx(other["removed"]["random"], rel=1e-5)
    other = command_line("batch", folder, *common, "--check-share", "0.4", "-o", tmp_path / "out", "--workers", 0)
    assert other.code == 2 and "check share 0.2, now 0.4" in other.error_line


def test_the_outline_is_drawn_and_implies_the_check(tiny_model: Path, tmp_path: Path) -> None:
    common = ("run", KOALA, "--model", tiny_model, "-m", "relevance", "--target", "top2", "--quiet", "-o")
    command_line(*common, tmp_path / "with", "--outline")
    command_line(*common, tmp_path / "without", "--check")
    record = json.loads((tmp_path / "with" / "koala.json").read_text())
    second = record["explanations"][1]
    assert second["check"]["keeps"] == "half-way" and 0 < second["check"]["suffices"] < 16
    one, other = (np.asarray(Image.open(tmp_path / each / second["files"]["overlay"])) for each in ("with", "without"))
    changed = one[(one != other).any(-1)]
    assert len(changed) and set(map(tuple, changed.tolist())) <= {(0, 0, 0), (255, 255, 255)}
    refused = command_line("run", KOALA, "--model", tiny_model, "--outline", "--json")
    assert refused.code == 2 and "--outline has no effect: with --json" in refused.error_line


@pytest.mark.parametrize("share", ["0", "1", "-1", "nan", "10"])
def test_a_share_outside(share: str, tiny_model: Path) -> None:
    ended = command_line("run", KOALA, "--model", tiny_model, f"--check-share={share}")
    assert ended.code == 2
    assert "--check-share" in ended.error_line and "expected a share of the patches" in ended.error_line


def test_the_seed_and_the_fill_are_read_as_those_of_methods(tiny_model: Path) -> None:
    ended = command_line("run", KOALA, "--model", tiny_model, "-m", "rollout", "--check", "--fill", "grey")
    assert ended.code == 2 and "fill 'grey' is not valid" in ended.error_line


def test_a_model_without_classes_and_the_advice(tmp_path: Path) -> None:
    folder = write_tiny_folder(tmp_path / "tiny")
    common = ("run", KOALA, "--model", folder, "--num-classes", 0, "-m", "rollout", "--check", "-o", tmp_path / "out")
    refused = command_line(*common)
    assert refused.code == 4
    assert "--check removes patches" in refused.error_line and "compare with as --reference-image" in refused.error_line
    ended = command_line(*common, "--reference-image", SAMPLES / "cat.jpg")
    assert ended.code == 0, ended.err
    assert "check of rollout, likeness to cat.jpg" in ended.out
    assert "nearer to the whole picture's " in ended.out or "No patch" in ended.out


def test_the_verdict_on_a_map_that_does_no_better_than_random_is_part_of_the_answer(tmp_path: Path) -> None:
    verdict = "this map does no better than random patches"
    for quiet in ((), ("--quiet",)):
        ended = command_line("run", KOALA, "-m", "random", "--check", "-o", tmp_path, *quiet)
        assert f"Verdict: {verdict}, neither removed nor kept alone." in ended.out.splitlines()
        assert verdict not in ended.err, "it is not said twice"
    record = json.loads((tmp_path / "koala.json").read_text())
    assert any(notice.startswith(verdict) for notice in record["explanations"][0]["notices"])
    piped = command_line("run", KOALA, "-m", "random", "--check", "--json")
    assert f"random: {verdict}: without its 26 highest" in piped.err


def test_what_lowers_a_class_is_told_by_the_class(tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "-m", "relevance", "--check", "--target", "not:koala", "-o", tmp_path, "-q")
    check = json.loads((tmp_path / "koala.json").read_text())["explanations"][0]["check"]
    assert "check of relevance, what lowers koala (answers: koala)" in ended.out
    whole, removed = 1 - check["whole"], 1 - check["removed"]["highest"]
    row = next(line for line in ended.out.splitlines() if line.startswith("the 26 highest"))
    assert row.split()[-2] == f"{removed:.1%}" and whole > 0.9
    assert "Without its 26 highest patches koala " in ended.out
