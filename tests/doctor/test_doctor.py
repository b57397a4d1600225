"""What the doctor finds is what is there: versions, extras, caches, a model's own numbers, methods that work."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models.around import Headed, mean_of_patches
from tests.models.small import tiny
from vitexplain import load_model
from vitexplain.doctor import (
    LargeTokens,
    are_large,
    large_in_words,
    machine_report,
    model_report,
    require_passed,
    self_check,
    try_methods,
)
from vitexplain.errors import ModelError
from vitexplain.methods import METHODS


def test_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models--timm--one").mkdir()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "one.pth").touch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    report = machine_report()
    assert report["versions"]["torch"] == metadata.version("torch")
    assert report["threads"] == torch.get_num_threads() and "cpu" in report["devices"]
    assert report["caches"]["hub"] == {"folder": str(tmp_path), "models": 1}
    assert report["caches"]["torch"] == {"folder": str(tmp_path / "checkpoints"), "models": 1}
    json.dumps(report, allow_nan=False)


def test_extras_are_there_if_all_their_libraries_are(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["torch>=2", "pytest>=8; extra == 'test'", 'nowhere[x]>=1; extra == "other"', "numpy; extra == 'other'"]
    monkeypatch.setattr(metadata, "requires", lambda _name: wanted)
    assert machine_report()["extras"] == {"test": True, "other": False}


def test_a_copy_that_was_not_installed_has_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", nowhere)
    assert machine_report()["extras"] == {}


def test_a_model_its_check_and_its_methods() -> None:
    model = load_model(Headed(mean_of_patches), labels=["ant", "bee", "cow"])
    report = model_report(model)
    assert report["recognised_as"] == {
        "class": "timm.models.vision_transformer.VisionTransformer",
        "adapter": "TimmVit",
        "inside": "backbone",
    }
    assert report["levels"] == {"count": 3, "tokens": 17, "prefix": 1, "grid": [4, 4], "last_grid": [4, 4]}
    assert (report["readout"], report["layers"], report["gradients"]) == ("mean", 2, True)
    assert report["outputs"] == {
        "classes": 3,
        "activation": "softmax",
        "labels": 3,
        "first": ["ant", "bee", "cow"],
        "no_predictions": None,
    }
    assert report["pixels"]["size"] == [32, 32] and report["pixels"]["patch"] == [8, 8]
    json.dumps(report, allow_nan=False)
    check = self_check(model)
    assert check["passed"] and check["outputs_off"] < 1e-5 and check["rows_off"] < 1e-5
    heard: list[str] = []
    trials = list(try_methods(model, heard.append))
    assert [trial.method for trial in trials] == heard == list(METHODS)
    assert all(trial.works for trial in trials)


def test_what_does_not_work_is_said_with_the_reason() -> None:
    trials = {trial.method: trial for trial in try_methods(load_model(tiny(num_classes=0)))}
    assert trials["rollout"].works and not trials["relevance"].works
    assert "has no classifier" in (trials["relevance"].reason or "")
    outputs = model_report(load_model(tiny(num_classes=0)))["outputs"]
    assert (outputs["classes"], outputs["activation"]) == (0, "none")
    assert "has no classifier: explained without predictions" in outputs["no_predictions"]
    assert not model_report(load_model(tiny().half()))["gradients"]


def test_a_capture_that_changes_the_outputs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(tiny())
    real = torch.softmax
    monkeypatch.setattr(torch, "softmax", lambda scores, dim, out=None: real(scores * 1.5, dim, out=out))
    check = self_check(model)
    assert not check["passed"] and check["rows_off"] < 1e-5
    with pytest.raises(ModelError, match="self-check failed: outputs under capture are off by"):
        require_passed(check)
    monkeypatch.undo()
    require_passed(self_check(model))
    assert np.isfinite(check["outputs_off"])


def test_large_tokens_are_told_in_one_line() -> None:
    def layer(times: float, *patches: list[int]) -> LargeTokens:
        return {"patches": list(patches), "largest_times_median": times}

    small = {"layer 1": layer(1.2), "layer 2": layer(1.44, [0, 1], [2, 3])}
    assert large_in_words(small) == "none: the largest norm is 1.4 times the median (2 are large)"
    places = ([6, 2], [6, 3], [7, 2], [8, 8])
    large = {**small, "layer 9": layer(4.0, *places[:1]), "layer 10": layer(5.25, *places)}
    said = large_in_words(large)
    assert said == "at layers 9, 10; at layer 10 patch 6,2, 6,3, 7,2, ..., up to 5.2 times the median"
    assert [are_large(each) for each in large.values()] == [False, False, True, True]
    assert large_in_words({}) is None
