"""`vitexplain doctor`: two tables about the machine and the model, one of the methods; JSON; exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.cli.command_line import command_line
from tests.models.small import tiny


def test_tables(tiny_model: Path) -> None:
    ended = command_line("doctor", "--model", tiny_model)
    assert (ended.code, ended.err) == (0, "")
    lines = {" ".join(line.split()) for line in ended.out.splitlines()}
    assert f"versions: torch {torch.__version__}" in lines
    assert {"recognised as: adapter TimmVit", "readout cls", "levels: grid 4 x 4", "self-check: passed yes"} <= lines
    assert any(line.startswith("rollout yes ") for line in lines)
    assert len([line for line in lines if line.startswith("large tokens")]) == 1
    model = ended.out.partition("\nmodel")[2]
    assert "recognised as: inside" not in model and "notices" not in model, "what is not there is not listed"


def test_json(tiny_model: Path) -> None:
    ended = command_line("doctor", "--model", tiny_model, "--dtype", "bfloat16", "--json")
    machine, model = (json.loads(line) for line in ended.out.splitlines())
    assert machine["machine"]["versions"]["torch"] == torch.__version__
    assert model["model"]["self_check"]["passed"]
    works = {each["method"]: each["works"] for each in model["model"]["methods"]}
    assert works["rollout"] and not works["legrad"]


def test_reasons_name_options(tiny_model: Path) -> None:
    ended = command_line("doctor", "--model", tiny_model, "--dtype", "bfloat16")
    assert ended.code == 0 and "too coarse for: use --dtype float32" in ended.out


def test_an_embedding_has_no_predictions_and_flags_are_named(tiny_model: Path) -> None:
    ended = command_line("doctor", "--model", tiny_model, "--num-classes", "0")
    words = " ".join(ended.out.split())
    assert ended.code == 0 and "outputs: activation none" in words
    assert "give --reference-image to explain its likeness" in words


def test_a_model_that_cannot_be_had_ends_with_its_code_after_the_machine(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "mine.pth")
    ended = command_line("doctor", "--model", "vit_tiny_patch16_244")
    assert ended.code == 4 and "versions: torch" in ended.out and "unknown, the nearest are" in ended.error_line
    assert command_line("doctor", "--model", tmp_path / "none" / "x", "--json").code in (2, 4)
    assert command_line("doctor", "--weights", tmp_path / "mine.pth").code == 4


def test_a_failed_check_is_an_error(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.softmax
    monkeypatch.setattr(torch, "softmax", lambda scores, dim, out=None: real(scores * 1.5, dim, out=out))
    ended = command_line("doctor", "--model", tiny_model)
    assert ended.code == 4 and "self-check failed" in ended.error_line
