"""Folders as timm and the hub write them: what is read from config.json, and which names mean a folder at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.small import tiny
from tests.tiny_folder import LABELS, write_tiny_folder
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.folder import is_folder_name, label_table, labels_beside, read_model_folder
from vitexplain.models.timm_import import import_timm


def test_a_folder_gives_the_network_that_timm_itself_builds_from_it(tiny_model: Path) -> None:
    model = load_model(str(tiny_model), device="cpu")
    timm = import_timm()
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = timm.create_model(f"local-dir:{tiny_model}", pretrained=True).eval()(pixels)
        torch.testing.assert_close(model.network(pixels), expected)
        torch.testing.assert_close(model.network(pixels), tiny()(pixels))
    assert model.labels is not None
    assert [model.labels.name(index) for index in range(5)] == LABELS
    assert model.origin == f"folder: {tiny_model.name}"


def test_what_is_read_from_it(tiny_model: Path) -> None:
    folder = read_model_folder(str(tiny_model))
    assert (folder.architecture, folder.weights) == ("vit_tiny_patch16_224", tiny_model / "model.safetensors")
    assert folder.label_table == LABELS
    assert folder.options["pretrained"] is False
    # Addresses stay out: nothing is asked of the hub.
    overlay = folder.options["pretrained_cfg_overlay"]
    assert "hf_hub_id" not in overlay and "url" not in overlay and tuple(overlay["mean"]) == (0.5, 0.5, 0.5)


def test_timms_names_come_before_folders_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("builtin", "vit_tiny_patch16_224", "mine"):
        (tmp_path / name).mkdir()
    assert [is_folder_name(name) for name in ("builtin", "vit_tiny_patch16_224", "mine", "absent")] == [
        False,
        False,
        True,
        False,
    ]
    assert all(is_folder_name(name) for name in ("./builtin", "vit_tiny_patch16_224/", "a/b", ".", ".."))
    assert load_model("builtin", device="cpu").origin == "built-in"


def test_a_table_that_does_not_fit_is_not_used_and_told(tmp_path: Path) -> None:
    model = load_model(str(write_tiny_folder(tmp_path / "two", label_names=["ant", "bee"])), device="cpu")
    assert model.labels is None
    assert model.notices == ("2 class names came with the weights, expected 5: not used",)
    model = load_model(str(write_tiny_folder(tmp_path / "odd", label_names=[1, 2, 3, 4, 5])), device="cpu")
    assert model.labels is None
    assert model.notices == (
        "the class names that came with the weights cannot be read and are not used: give `labels=`",
    )


def test_label_tables_in_a_configuration() -> None:
    assert label_table({}) is None
    assert label_table({"labels": []}) is None
    assert label_table({"pretrained_cfg": {"label_names": ["a"]}}) == ["a"]
    assert label_table({"pretrained_cfg": {"label_names": ["a"]}, "id2label": {"0": "b"}}) == {"0": "b"}


def test_labels_of_a_configuration_that_is_none(tmp_path: Path) -> None:
    assert labels_beside(tmp_path / "w.safetensors") is None
    (tmp_path / "config.json").write_text(json.dumps(["a", "list"]))
    assert labels_beside(tmp_path / "w.safetensors") is None
    with pytest.raises(ModelError, match=r"no readable config\.json"):
        read_model_folder(str(tmp_path))


def test_a_folder_of_a_family_that_is_refused_says_why(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"architectures": ["SegformerForImageClassification"], "model_type": "segformer"})
    )
    with pytest.raises(
        ModelError, match=r"SegformerForImageClassification.*not supported, its tokens are merged between stages"
    ):
        load_model(str(tmp_path))
