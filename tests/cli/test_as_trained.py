"""The options that say how a model was trained: flags, variables, records, and what the messages advise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.cli.command_line import command_line
from tests.models.small import tiny
from tests.tiny_folder import write_tiny_folder
from vitexplain.models.timm_import import import_timm
from vitexplain.result import Result

NAME = "test_vit"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    torch.save(import_timm().create_model(NAME, num_classes=3).state_dict(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


def record(*arguments: object) -> tuple[dict[str, Any], str]:
    ended = command_line("run", *arguments, "--json", "-m", "raw")
    assert ended.code == 0, ended.err
    return json.loads(ended.out), ended.err


def test_flags_and_the_record(picture: Path, weights: Path) -> None:
    model = ("--model", NAME, "--weights", weights)
    found, err = record(picture, *model)
    assert found["model"]["transform"] == {
        "size": [160, 160],
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
    }
    (notice,) = found["notices"]
    assert notice.startswith(f"nothing with the weights says how their pictures were normalised: taken are {NAME}'s")
    assert notice.endswith("usual mean 0.5,0.5,0.5 and std 0.5,0.5,0.5; if yours were others, give `mean=` and `std=`")
    assert "give --mean and --std" in err
    said, _ = record(picture, *model, "--mean", "0.5,0.5,0.5")
    assert "usual std 0.5,0.5,0.5; if yours were others, give `std=`" in said["notices"][-1]
    said, _ = record(picture, *model, "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")
    assert "notices" not in said
    changed, err = record(
        picture, *model, "--image-size", "160x192", "--mean", "0.1,0.2,0.3", "--std", "0.25", "--pool", "avg"
    )
    assert changed["model"]["transform"] == {
        **found["model"]["transform"],
        "size": [160, 192],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.25] * 3,
    }
    assert changed["model"]["grid"] == [10, 12] and changed["image"]["view"]["size"] == [160, 192]
    assert "pictures of 160 x 192 pixels (height x width) as given" in err
    assert changed["predictions"] != found["predictions"]
    assert Result.from_record(changed).to_record() == changed
    assert Result.from_record(changed).model.transform.mean == (0.1, 0.2, 0.3)


def test_variables_set_the_defaults(picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in [("IMAGE_SIZE", "192"), ("MEAN", "0,0,0"), ("STD", "1,1,1"), ("POOL", "avg")]:
        monkeypatch.setenv(f"VITEXPLAIN_{name}", value)
    found, _ = record(picture, "--model", NAME, "--weights", weights, "--std", "0.5,0.5,0.5")
    transform = found["model"]["transform"]
    assert (transform["size"], transform["mean"], transform["std"]) == ([192, 192], [0, 0, 0], [0.5] * 3)


@pytest.mark.parametrize(
    ("given", "advised"),
    [
        (("--image-size", "100"), ("--image-size", "96x96")),
        (("--mean", "0.5;0.5;0.5"), ("--mean", "0.5,0.5,0.5")),
        (("--std", "0"), ("--std", "0.5,0.5,0.5")),
    ],
)
def test_the_advice_of_a_refusal_works(
    picture: Path, weights: Path, given: tuple[str, str], advised: tuple[str, str]
) -> None:
    model = ("--model", NAME, "--weights", weights)
    ended = command_line("run", picture, "--json", *model, *given)
    assert ended.code == 2 and ended.error_line.endswith(" ".join(advised))
    record(picture, *model, *advised)


def test_other_refusals_and_what_they_advise(picture: Path, weights: Path, tmp_path: Path) -> None:
    """Each refusal names options; with them the same command works."""
    (tmp_path / "empty").mkdir()
    folder = write_tiny_folder(tmp_path / "m")
    moved = (folder / "model.safetensors").rename(tmp_path / "moved.safetensors")
    for refused, words, works in [
        (("--weights", weights), "give --model test_vit", ("--model", NAME, "--weights", weights)),
        (("--model", weights), "given with --weights, the name of their model with --model", None),
        (("--model", tmp_path / "empty"), "give --model NAME and --weights FILE", None),
        (("--model", folder), "or add --weights FILE", ("--model", folder, "--weights", moved)),
        (("--weights", folder), "is given as --model", None),
        (("--model", NAME, "--num-classes", 5), "expected 1000 or 0: for another classifier give its file", None),
        (("--num-classes", 5), "give its file with --weights", ("--model", NAME, "--weights", weights)),
        (("--device", "cuda:77"), "--device cpu|use cuda:0", ("--device", "cpu")),
    ]:
        ended = command_line("run", picture, "--json", "-m", "raw", *refused)
        assert ended.code in (2, 4), refused
        assert any(word in ended.error_line for word in words.split("|")) and "`" not in ended.error_line, ended.err
        record(picture, *(("--model", NAME, "--weights", weights) if works is None else works))


def test_a_batch_is_not_resumed_with_another_normalisation(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "photos" / "a.png")
    asked = ("batch", tmp_path / "photos", "-o", tmp_path / "out", "--model", tiny_model, "--workers", 0, "-m", "raw")
    assert command_line(*asked).code == 0
    for more in (("--mean", "0,0,0"), ("--image-size", "64"), ("--pool", "avg")):
        ended = command_line(*asked, *more)
        assert ended.code == 2 and "was made with other settings" in ended.error_line, more
    assert command_line(*asked).code == 0


def test_a_class_names_notice_names_the_flag(picture: Path, tmp_path: Path) -> None:
    folder = write_tiny_folder(tmp_path / "odd", label_names=[1, 2, 3, 4, 5])
    _, err = record(picture, "--model", folder)
    assert "cannot be read and are not used: give --labels" in err
    (tmp_path / "names.txt").write_text("\n".join("abcde") + "\n")
    found, err = record(picture, "--model", folder, "--labels", tmp_path / "names.txt")
    assert found["predictions"][0]["label"] in list("abcde") and "not used" not in err


def test_tiny_is_what_these_tests_run(tiny_model: Path, picture: Path) -> None:
    found, _ = record(picture, "--model", tiny_model)
    assert found["model"]["transform"]["size"] == [32, 32] == list(tiny().patch_embed.img_size)
