"""The commands with --prompt: as with classes, and what is told where prompts cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from safetensors.torch import load_file, save_file

from tests.cli.command_line import command_line
from tests.models.text_models import write_text_model
from tests.networks.other_libraries import require
from vitexplain.output.schemas import schema
from vitexplain.result import Result

SAMPLES = Path(__file__).parents[2] / "sample_images"
CAT = str(SAMPLES / "cat.jpg")
ASKED = ("--prompt", "a koala", "--prompt", "the red tree", "--prompt", "blue")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    require("transformers", "transformers")
    folder = tmp_path_factory.mktemp("words")
    write_text_model(folder, "CLIPModel")
    return f"clip:{folder}"


def test_run_explains_one_prompt_against_another(model: str, tmp_path: Path) -> None:
    target = ("-m", "attn-lrp", "--target", "The Red Tree", "--against", "2")
    done = command_line(
        "run", CAT, "--model", model, *ASKED, *target, "--templates", "simple", "-o", str(tmp_path), "--json"
    )
    assert done.code == 0 and done.err == ""
    record = json.loads(done.out)
    Draft202012Validator(schema("record")).validate(record)
    assert {each["label"] for each in record["predictions"]} == {"a koala", "the red tree", "blue"}
    assert sum(each["probability"] for each in record["predictions"]) == pytest.approx(1)
    assert record["model"]["prompts"] == ["a koala", "the red tree", "blue"]
    assert len(record["model"]["templates"]) == 7 and record["model"]["activation"] == "softmax"
    target_of = record["explanations"][0]["target"]
    assert (target_of["label"], target_of["against"]["label"]) == ("the red tree", "blue")
    assert Result.from_record(record).to_record() == record


def test_sigmoids_of_siglip_and_several_targets(tmp_path: Path) -> None:
    require("transformers", "transformers")
    write_text_model(tmp_path / "m", "SiglipModel")
    asked = ("run", CAT, "--model", f"clip:{tmp_path / 'm'}", *ASKED, "-m", "libra", "--json")
    record = json.loads(command_line(*asked, "--target", "all").out)
    assert [each["target"]["label"] for each in record["explanations"]] == ["a koala", "the red tree", "blue"]
    assert record["model"]["activation"] == "sigmoid" and "templates" not in record["model"]
    above = json.loads(command_line(*asked, "--target", "above0.99").out)
    assert "no class is above 0.99" in above["notices"][0] and above["explanations"] == []


def test_compare_graph_evaluate_and_report(model: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    asked = ("--model", model, *ASKED)
    compared = command_line("compare", CAT, *asked, "-m", "attn-lrp", "--by-target", "-o", out)
    assert compared.code == 0 and (tmp_path / "out" / "cat.compare-by-target.png").exists()
    drawn = command_line("graph", CAT, *asked, "-o", out)
    assert drawn.code == 0 and (tmp_path / "out" / "cat.graph.svg").exists()
    assert command_line("run", CAT, *asked, "-o", out).code == 0
    judged = command_line("evaluate", CAT, *asked, "-m", "attn-lrp", "-m", "rollout", "-o", str(tmp_path / "judged"))
    assert judged.code == 0 and "attn-lrp" in judged.out
    assert command_line("report", out).code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "the red tree" in page


def test_records_of_other_prompts_are_not_mixed(model: str, tmp_path: Path) -> None:
    photos, out, judged = tmp_path / "photos", str(tmp_path / "out"), str(tmp_path / "judged")
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(Path(CAT).read_bytes())
    begun = ("batch", str(photos), "-o", out, "--workers", "0", "-m", "attn-lrp", "--model", model)
    evaluated = ("evaluate", CAT, "-o", judged, "-m", "raw", "-m", "rollout", "--model", model)
    for command in (begun, evaluated):
        assert command_line(*command, *ASKED).code == 0
        assert command_line(*command, *ASKED).code == 0
        for other, words in (
            (ASKED[:4], "prompts"),
            (("--prompt", "a koala", "--prompt", "the blue tree", "--prompt", "blue"), "prompts"),
            ((*ASKED, "--templates", "simple"), "prompts"),
            ((*ASKED, "--templates", "the {}"), "prompts"),
        ):
            done = command_line(*command, *other)
            assert done.code == 2 and words in done.err, (command[0], other)


def test_other_weights_of_the_text_tower_are_another_model(tmp_path: Path) -> None:
    require("transformers", "transformers")
    folder, photos = tmp_path / "m", tmp_path / "photos"
    write_text_model(folder, "CLIPModel")
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(Path(CAT).read_bytes())
    begun = (
        "batch",
        str(photos),
        "-o",
        str(tmp_path / "out"),
        "--workers",
        "0",
        "-m",
        "raw",
        "--model",
        f"clip:{folder}",
        *ASKED,
    )
    assert command_line(*begun).code == 0
    state = load_file(folder / "model.safetensors")
    state["text_projection.weight"] = state["text_projection.weight"].flip(0).contiguous()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    done = command_line(*begun)
    assert done.code == 2 and "weights_sha256" in done.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 4, "ask in words with --prompt 'a koala', once for each answer"),
        (
            ("--prompt", "a koala"),
            2,
            "the prompt 'a koala' alone would always have 100%: add others to choose from, such as "
            "--prompt 'a photo', or --activation none",
        ),
        (("--prompt", "a", "--prompt", "A"), 2, "prompts 1 and 2, 'a' and 'A', are the same: give each once"),
        (("--prompt", ""), 2, "prompt 1 is empty: give words, --prompt 'a koala'"),
        (("--prompt", "a", "--prompt", "k" * 50), 2, "has 52 tokens, the model reads at most 40: shorten it"),
        ((*ASKED, "--labels", CAT), 2, "--labels has no effect beside --prompt"),
        ((*ASKED, "--num-classes", "3"), 2, "--num-classes has no effect beside --prompt"),
        (("--templates", "simple"), 2, "--templates has no effect without prompts: add them, --prompt 'koala'"),
        ((*ASKED, "--templates", "gone.txt"), 4, "templates gone.txt: cannot be read (no such file)"),
        ((*ASKED, "--target", "a cat"), 2, "target 'a cat' is no label of the model"),
        ((*ASKED, "--reference-image", CAT), 2, "--prompt and --reference-image cannot be combined: give one of them"),
    ],
)
def test_one_line_and_the_exit_code(options: tuple[str, ...], code: int, words: str, model: str) -> None:
    done = command_line("run", CAT, "--model", model, "-m", "attn-lrp", *options)
    assert (done.code, done.out) == (code, "")
    assert words in " ".join(done.err.split()) and "Traceback" not in done.err


def test_other_models_have_no_text_tower() -> None:
    for name in ((), ("--model", "vit_tiny_patch16_224"), ("--model", "torchvision:vit_b_16")):
        done = command_line("run", CAT, *name, *ASKED)
        assert done.code == 2
        assert "has no text tower to read prompts: give a model that has one" in " ".join(done.err.split())


def test_doctor_says_which_tower_it_is(model: str) -> None:
    done = command_line("doctor", "--model", model, *ASKED, "--json")
    report: Any = json.loads(done.out.splitlines()[1])["model"]
    assert done.code == 0
    assert report["recognised_as"]["adapter"] == "TransformersClip" and report["recognised_as"]["inside"] == "tower"
    assert report["outputs"]["first"] == ["a koala", "the red tree", "blue"]
