"""Your own checkpoints and labels: wrappers, head sizes, label tables, folders, code refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.cli.command_line import Ended, command_line
from tests.models.small import tiny
from tests.tiny_folder import LABELS, write_tiny_folder
from vitexplain.models.timm_import import import_timm

NAME = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights for the tiny model's folder, but with three classes."""
    return dict(tiny(seed=3, num_classes=3).state_dict())


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return path


def predictions(picture: Path, *more: object) -> dict[int, Any]:
    """Return the predictions of `run` by class: label, WordNet id, probability."""
    ended = command_line("run", picture, "--json", *more)
    assert ended.code == 0, ended.err
    return {p["index"]: (p["label"], p["id"], p["probability"]) for p in json.loads(ended.out)["predictions"]}


def answer(picture: Path, *more: object) -> str:
    """Return the one line with which the command refuses, exit code 4."""
    ended: Ended = command_line("run", picture, "--json", *more)
    assert ended.code == 4, ended.err
    return ended.error_line


def by_timm(network: Any, picture: Path) -> list[float]:
    """Return the probabilities by timm's own transform and network."""
    timm = import_timm()
    config = timm.data.resolve_data_config({"input_size": (3, 32, 32)}, model=network)
    pixels = timm.data.create_transform(**config)(Image.open(picture))[None]
    with torch.inference_mode():
        probabilities: list[float] = network(pixels).softmax(-1)[0].tolist()
    return probabilities


WRAPPERS: dict[str, Any] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "model_ema": lambda state: {"state_dict": {k: v * 0 for k, v in state.items()}, "model_ema": state},
    "module": lambda state: {f"module.{key}": value for key, value in state.items()},
    "compiled and wrapped": lambda state: {"model": {f"module._orig_mod.{k}": v for k, v in state.items()}},
    "lightning": lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_and_prefixes(
    wrapper: str, state: dict[str, torch.Tensor], tiny_model: Path, picture: Path, tmp_path: Path
) -> None:
    """All find the three classes with the probabilities of timm's own network and transform."""
    torch.save(WRAPPERS[wrapper](state), tmp_path / "own.pth")
    found = predictions(picture, "--model", tiny_model, "--weights", tmp_path / "own.pth")
    expected = by_timm(tiny(seed=3, num_classes=3), picture)
    assert sorted(found) == [0, 1, 2]
    assert [found[index][2] for index in range(3)] == pytest.approx(expected, rel=1e-4)
    assert all(found[index][:2] == (None, None) for index in found)


def test_label_names_from_every_place(
    state: dict[str, torch.Tensor], tiny_model: Path, picture: Path, tmp_path: Path
) -> None:
    names = ["ant", "bee", "cow"]
    weights = tmp_path / "plain.safetensors"
    save_file(state, weights)
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    (tmp_path / "list.json").write_text(json.dumps(names))
    (tmp_path / "numbered.json").write_text(json.dumps({"2": "cow", "0": "ant", "1": "bee"}))
    for file in ("names.txt", "list.json", "numbered.json"):
        found = predictions(picture, "--model", tiny_model, "--weights", weights, "--labels", tmp_path / file)
        assert [found[index][0] for index in range(3)] == names, file
    for number, metadata in enumerate(
        [
            {"label_names": json.dumps(names)},
            {"id2label": json.dumps(dict(enumerate(names)))},
            {"labels": "\n".join(names)},
        ]
    ):
        file = f"named{number}.safetensors"
        save_file(state, tmp_path / file, metadata)
        found = predictions(picture, "--model", tiny_model, "--weights", tmp_path / file)
        assert [found[index][0] for index in range(3)] == names, metadata
    for config in ({"label_names": names}, {"id2label": {"0": "ant", "1": "bee", "2": "cow"}}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        found = predictions(picture, "--model", tiny_model, "--weights", weights)
        assert [found[index][0] for index in range(3)] == names, config
    # The file that is given by name comes first, then the metadata; a table of another length names nothing.
    (tmp_path / "others.txt").write_text("x\ny\nz\n")
    found = predictions(picture, "--model", tiny_model, "--weights", weights, "--labels", tmp_path / "others.txt")
    assert found[0][0] == "x"
    (tmp_path / "config.json").write_text(json.dumps({"label_names": ["only", "two"]}))
    ended = command_line("run", picture, "--json", "--model", tiny_model, "--weights", weights)
    assert json.loads(ended.out)["predictions"][0]["label"] is None
    assert "2 class names came with the weights, expected 3: not used" in ended.err
    shown = command_line("run", picture, "--model", tiny_model, "--weights", weights, "-o", tmp_path / "out").out
    assert "class 0" in shown and "class 2" in shown


def test_a_label_file_of_the_wrong_length_is_refused(
    state: dict[str, torch.Tensor], tiny_model: Path, picture: Path, tmp_path: Path
) -> None:
    save_file(state, tmp_path / "own.safetensors")
    (tmp_path / "two.txt").write_text("ant\nbee\n")
    line = answer(
        picture, "--model", tiny_model, "--weights", tmp_path / "own.safetensors", "--labels", tmp_path / "two.txt"
    )
    assert "2 names, expected 3" in line


def test_a_folder_that_timm_wrote(tiny_model: Path, picture: Path, tmp_path: Path) -> None:
    found = predictions(picture, "--model", tiny_model)
    assert [found[index][0] for index in range(5)] == LABELS
    assert [found[index][2] for index in range(5)] == pytest.approx(by_timm(tiny(), picture), rel=1e-4)
    record = json.loads(command_line("run", picture, "--json", "--model", f"{tiny_model}/").out)
    assert (record["model"]["name"], record["model"]["source"]) == (NAME, "folder: tiny")
    # The hub's other format, and a table of WordNet ids with descriptions.
    described = write_tiny_folder(
        tmp_path / "described",
        label_names=["n1", "n2", "n3", "n4", "n5"],
        label_descriptions={f"n{number}": f"tree {number}, wood {number}" for number in range(1, 6)},
    )
    (described / "model.safetensors").unlink()
    torch.save(tiny().state_dict(), described / "pytorch_model.bin")
    found = predictions(picture, "--model", described)
    assert [found[index][:2] for index in range(5)] == [(f"tree {n}", f"n{n}") for n in range(1, 6)]


def test_a_folder_that_is_no_model_is_answered(tiny_model: Path, picture: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    for change, words in [
        (lambda: (broken / "config.json").unlink(), "no readable config.json"),
        (lambda: (broken / "config.json").write_text("{"), "no readable config.json"),
        (lambda: (broken / "config.json").write_text('{"architectures": ["ViTForImage"]}'), "ViTForImage"),
        (lambda: (broken / "config.json").write_text('{"architecture": "no_such_vit"}'), "no_such_vit"),
        (lambda: (broken / "config.json").write_text('{"architecture": "resnet18"}'), "convolutional network"),
        (lambda: (broken / "model.safetensors").unlink(), "neither model.safetensors"),
        (lambda: (broken / "model.safetensors").write_bytes(b"x"), "not a readable safetensors"),
        (lambda: _change_config(broken, {"embed_dim": "wide"}), "check model_args"),
        (lambda: _change_config(broken, {"embed_dim": 32}), "do not fit"),
    ]:
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(tiny_model, broken)
        change()  # type: ignore[no-untyped-call]
        line = answer(picture, "--model", broken)
        assert words in line, line
    assert "no such folder" in answer(picture, "--model", "./no/such/folder")
    assert "given with --weights" in answer(picture, "--model", tiny_model / "model.safetensors")


def _change_config(folder: Path, arguments: dict[str, object]) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    config["model_args"].update(arguments)
    (folder / "config.json").write_text(json.dumps(config))


class _Touch:
    """Unpickled, it makes a file: what a hostile checkpoint could do with anything."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin", ".ckpt"])
def test_a_checkpoint_that_runs_code_is_refused_and_runs_none(
    ending: str, state: dict[str, torch.Tensor], picture: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "it ran"
    weights = tmp_path / f"hostile{ending}"
    torch.save({"state_dict": state, "extra": _Touch(proof)}, weights)
    line = answer(picture, "--model", NAME, "--weights", weights)
    assert "refused" in line and "would run code" in line and ".safetensors" in line
    assert not proof.exists()
    # It is a real one: torch without its guard runs it.
    torch.load(weights, weights_only=False)
    assert proof.exists()
