"""What the command line says of outputs that are sigmoids, values or an embedding; the advice of each message works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from tests.cli.command_line import command_line
from tests.models.small import tiny
from tests.tiny_folder import write_tiny_folder
from vitexplain.models.timm_import import import_timm
from vitexplain.output import schema

SAMPLES = Path(__file__).parents[2] / "sample_images"
KOALA, CAT = SAMPLES / "koala.jpg", SAMPLES / "cat.jpg"
RELEVANCE = ("-m", "relevance")


def folder(path: Path, outputs: int, **config: Any) -> Path:
    network = tiny(num_classes=outputs)
    with torch.no_grad():
        network.head.bias.copy_(torch.linspace(1, -1, outputs))
    import_timm().models.save_for_hf(network, str(path), model_config=config, safe_serialization=True)
    return path


def record_of(*arguments: object) -> dict[str, Any]:
    ended = command_line("run", KOALA, "--json", *arguments)
    assert ended.code == 0, ended.err
    record: dict[str, Any] = json.loads(ended.out)
    jsonschema.validate(record, schema())
    return record


def test_one_output_and_the_advice_of_its_notice(tmp_path: Path) -> None:
    model = folder(tmp_path / "one", 1)
    ended = command_line("run", KOALA, "--model", model, *RELEVANCE, "-o", tmp_path / "out")
    assert ended.out.splitlines()[1].split() == ["output", "value"]
    assert ended.out.splitlines()[2].startswith("output 0")
    assert "%" not in ended.out
    assert "if it is a logit, --activation sigmoid shows its probability (--activation none says" in ended.err
    (value,) = record_of("--model", model, *RELEVANCE)["predictions"]
    (share,) = record_of("--model", model, *RELEVANCE, "--activation", "sigmoid")["predictions"]
    assert (value["probability"], share["logit"]) == (value["logit"], value["logit"])
    assert share["probability"] == pytest.approx(1 / (1 + 2.718281828 ** -value["logit"]), abs=1e-6)
    assert command_line("run", KOALA, "--json", "--model", model, *RELEVANCE, "--activation", "none").err == ""


def test_two_names_and_the_advice_of_their_refusal(tmp_path: Path) -> None:
    model, names = folder(tmp_path / "one", 1), tmp_path / "names.txt"
    names.write_text("healthy\nill\n")
    refused = command_line("run", KOALA, "--model", model, "--labels", names)
    assert refused.code == 4
    assert "two sides (the one of low values first) only where it is a logit: give --activation sigmoid" in refused.err
    given = ("--model", model, "--labels", names, "--activation", "sigmoid", *RELEVANCE)
    ended = command_line("run", KOALA, *given, "--target", "healthy", "-o", tmp_path / "out")
    assert {line.split()[0] for line in ended.out.splitlines()[2:4]} == {"healthy", "ill"}
    healthy, ill = (record_of(*given, "--target", name)["explanations"][0]["target"] for name in ("healthy", "ill"))
    assert (healthy["index"], healthy["label"], ill["index"]) == (0, "healthy", 1)


def test_several_labels_by_the_configuration(tmp_path: Path) -> None:
    model = folder(tmp_path / "many", 5, problem_type="multi_label_classification")
    record = record_of("--model", model, *RELEVANCE, "--target", "above0.5")
    assert record["model"]["activation"] == "sigmoid"
    above = [each["index"] for each in record["predictions"] if each["probability"] > 0.5]
    assert [each["target"]["index"] for each in record["explanations"]] == above
    assert 1 < len(above) < 5
    drawn = command_line("compare", KOALA, "--model", model, "--by-target", "--target", "above0.5", "-o", tmp_path)
    assert drawn.code == 0, drawn.err
    none = command_line("compare", KOALA, "--model", model, "--by-target", "--target", "above0.99", "-o", tmp_path)
    assert none.code == 0 and "no class is above 0.99" in none.err
    assert record_of("--model", model, "--activation", "softmax")["model"]["activation"] == "softmax"


def test_a_problem_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "--model", folder(tmp_path / "odd", 5, problem_type="guessing"))
    assert ended.code == 4
    assert "problem_type is 'guessing', expected single_label_classification" in ended.error_line


def test_an_embedding_and_the_advice_of_its_notice(tmp_path: Path, tiny_model: Path) -> None:
    given = ("--model", tiny_model, "--num-classes", "0")
    ended = command_line("run", KOALA, *given, "-o", tmp_path)
    assert "no predictions: the model returns no classes" in ended.out
    assert "give --reference-image to explain its likeness to another picture" in ended.err
    refused = command_line("run", KOALA, *given, *RELEVANCE)
    assert refused.code == 4 and "a picture to compare with as --reference-image" in refused.error_line
    asked = command_line("run", KOALA, *given, "--reference-image", CAT, "-o", tmp_path)
    assert asked.code == 0 and "explained: likeness to cat.jpg (" in asked.out
    assert "no classifier" not in asked.err
    target = record_of(*given, "--reference-image", CAT)["explanations"][0]["target"]
    assert target["kind"] == "similarity" and target["reference"]["path"] == str(CAT)
    for form in ((), ("--by-target",), ("--by-layer", "-m", "rollout:fusion=gradient")):
        methods = RELEVANCE if form == () else ()
        drawn = command_line("compare", KOALA, *given, "--reference-image", CAT, *form, *methods, "-o", tmp_path)
        assert drawn.code == 0, drawn.err


def test_a_reference_beside_classes_and_the_advice_of_the_refusal(tiny_model: Path) -> None:
    ended = command_line("run", KOALA, "--model", tiny_model, "--reference-image", CAT)
    assert ended.code == 2
    assert "choose a class with --target, or leave it out with --num-classes 0" in ended.error_line
    record_of("--model", tiny_model, "--reference-image", CAT, "--num-classes", "0")
    record_of("--model", tiny_model, "--target", "elm")


def test_what_lowers_a_class(tiny_model: Path, tmp_path: Path) -> None:
    ended = command_line("run", KOALA, "--model", tiny_model, *RELEVANCE, "--target", "not:elm", "-o", tmp_path)
    assert "explained: what lowers elm" in ended.out
    assert (tmp_path / "koala.not-elm.png").is_file()
    assert record_of("--model", tiny_model, *RELEVANCE, "--target", "not:elm")["explanations"][0]["target"]["lowers"]


def test_a_batch_knows_its_reference_and_its_activation(tmp_path: Path) -> None:
    model, pictures, out = write_tiny_folder(tmp_path / "tiny"), tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    for path in (KOALA, CAT):
        (pictures / path.name).symlink_to(path)
    given = ("batch", pictures, "--model", model, "--num-classes", "0", "-o", out)
    assert command_line(*given, "--reference-image", CAT).code == 0
    assert "nothing left to do" in command_line(*given, "--reference-image", CAT).err
    assert "reference_image" in command_line(*given, "--reference-image", KOALA).error_line
    other = ("batch", pictures, "--model", model, "-o", tmp_path / "other", *RELEVANCE)
    assert command_line(*other, "--target", "above0.5", "--activation", "sigmoid").code == 0
    assert "activation" in command_line(*other, "--target", "above0.5").error_line


def test_the_judge_takes_a_reference(tmp_path: Path, tiny_model: Path) -> None:
    given = ("evaluate", KOALA, CAT, "--model", tiny_model, "--num-classes", "0", "-m", "rollout")
    ended = command_line(*given, "--metric", "deletion", "--reference-image", CAT, "-o", tmp_path)
    assert ended.code == 0, ended.err
    assert "likeness to the reference" in ended.out
    assert command_line(*given).code == 4
