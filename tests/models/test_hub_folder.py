"""Names on the hub: which are meant as such, timm's among them; what is told where they cannot be had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tests.models.hub_cache import put_in_cache, serving
from tests.models.small import build
from tests.models.test_hub import point_to
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.hub_folder import hub_name, timm_name
from vitexplain.models.open_clip_names import timm_name_of_tower
from vitexplain.models.timm_import import import_timm

NAME = "test_vit.r160_in1k"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", [f"timm/{NAME}", f"hf-hub:timm/{NAME}", f"HF_hub:timm/{NAME}"])
def test_timm_s_own_names_are_taken_as_timm_s(name: str, cache: Path) -> None:
    network = put_in_cache(cache, NAME)
    assert timm_name(name) == NAME
    model = load_model(name, device="cpu")
    assert (model.name, model.origin) == (NAME, "timm")
    assert torch.equal(model.network.module.state_dict()["head.weight"], network.state_dict()["head.weight"])


def test_which_names_are_meant_as_names_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert timm_name("timm/no_such_model") == "timm/no_such_model"
    address = "https://huggingface.co/me/my-vit"
    for name in ("me/my-vit", "hf-hub:me/my-vit", "HF_hub:me/my-vit", address, f"{address}/"):
        found = hub_name(name)
        assert found is not None and (found.name, found.revision) == ("me/my-vit", None)
    for name in ("me/my-vit@v1", f"{address}/tree/v1", "hf-hub:me/my-vit@v1"):
        found = hub_name(name)
        assert found is not None
        assert (found.repository, found.revision, found.name) == ("me/my-vit", "v1", "me/my-vit@v1")
    for name in ("builtin", "vit_tiny_patch16_224", "./me/my-vit", "/a/b", "../a", "a/b/c", "~/models"):
        assert hub_name(name) is None
    (tmp_path / "me" / "my-vit").mkdir(parents=True)
    assert hub_name("me/my-vit") is None and hub_name("hf-hub:me/my-vit") is not None
    with pytest.raises(ModelError, match="expected a name on the hub as OWNER/NAME"):
        hub_name("hf-hub:my-vit")


def test_the_path_of_a_folder_as_timm_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    timm = import_timm()
    network = build("vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=3)
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 4}
    timm.models.save_for_hf(network, tmp_path / "mine", model_args=sizes)
    for name in ("local-dir:mine", f"local-dir:{tmp_path}/mine", "Local-Dir:./mine"):
        model = load_model(name, device="cpu")
        assert (model.origin, model.num_classes) == ("folder: mine", 3)
    with pytest.raises(ModelError, match=r"model \./other: no such folder"):
        load_model("local-dir:other")


@pytest.mark.usefixtures("cache")
def test_a_folder_of_timm_s_is_downloaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=3)
    config = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 4},
        "num_classes": 3,
        "label_names": ["ant", "bee", "cat"],
    }
    files = {
        "/me/mine/resolve/main/config.json": json.dumps(config).encode(),
        **{
            f"/me/mine/resolve/{revision}/model.safetensors": save(network.state_dict())
            for revision in ("main", "0" * 39 + "1")
        },
    }
    with serving(files) as (address, asked):
        point_to(monkeypatch, address)
        model = load_model("hf-hub:me/mine", device="cpu")
        assert (model.name, model.origin, model.num_classes) == ("me/mine", "hub", 3)
        assert model.labels is not None and model.labels.name(1) == "bee"
        asked.clear()
        load_model("me/mine", device="cpu")
        assert asked == []


@pytest.mark.usefixtures("cache")
def test_what_is_told_where_the_hub_cannot_be_asked() -> None:
    with pytest.raises(ModelError, match=r"model me/my-vit: there is no such folder; on the hub: .*cannot be reached"):
        load_model("me/my-vit")
    with pytest.raises(ModelError, match=r"model hf-hub:me/my-vit: its weights are not cached .*`model=builtin`"):
        load_model("hf-hub:me/my-vit")


@pytest.mark.usefixtures("cache")
def test_what_is_told_where_the_hub_has_no_such_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as (address, _):
        point_to(monkeypatch, address)
        with pytest.raises(ModelError, match=r"me/my-vit on the hub has none of config\.json"):
            load_model("hf-hub:me/my-vit")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open_clip:ViT-B-32", "vit_base_patch32_clip_224"),
        ("open_clip:ViT-B-32-quickgelu", "vit_base_patch32_clip_quickgelu_224"),
        ("open_clip:ViT-L-14-336", "vit_large_patch14_clip_336"),
        ("open_clip:ViT-bigG-14", "vit_gigantic_patch14_clip_224"),
        ("open_clip:ViT-B-16-SigLIP", "vit_base_patch16_siglip_224"),
        ("open_clip:ViT-SO400M-14-SigLIP-384", "vit_so400m_patch14_siglip_384"),
        ("vit_tiny_patch16_224", "vit_tiny_patch16_224"),
    ],
)
def test_towers_of_open_clip_by_timm_s_names(name: str, expected: str) -> None:
    assert timm_name_of_tower(name) == expected


def test_a_tower_that_timm_has_not() -> None:
    for name in ("open_clip:RN50", "open_clip:ViT-X-32", "open_clip:ViT-B-7"):
        with pytest.raises(ModelError, match=r"timm has no network of open_clip's by this name: expected one such as"):
            timm_name_of_tower(name)
