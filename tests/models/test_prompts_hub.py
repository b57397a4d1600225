"""Models of pictures and texts by their names on the hub: from its cache, and downloaded with their tokenizers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.models.hub_cache import COMMIT, serving
from tests.models.test_hub import point_to
from tests.models.text_models import PROMPTS, write_open_clip, write_text_model
from tests.networks.other_libraries import require, transformers_model
from vitexplain import load_model
from vitexplain.errors import ModelError, UsageError


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    require("transformers", "transformers")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def cached(cache: Path, repository: str, folder: Path) -> None:
    """Put a folder into the hub's cache as the client does."""
    place = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)


def same_outputs(name: str, folder: Path) -> None:
    pixels = torch.randn(1, 3, *load_model(f"clip:{folder}", device="cpu").preprocess.size)
    models = [load_model(each, prompts=PROMPTS, device="cpu") for each in (name, f"clip:{folder}")]
    with torch.inference_mode():
        torch.testing.assert_close(models[0].network(pixels), models[1].network(pixels), rtol=1e-5, atol=1e-5)
    assert (models[0].name, models[0].origin) == (name.removeprefix("clip:").removeprefix("hf-hub:"), "hub")


@pytest.mark.parametrize("name", ["clip:me/words", "me/words", "clip:hf-hub:me/words"])
def test_from_the_cache_of_the_hub_without_asking_it(name: str, cache: Path, tmp_path: Path) -> None:
    write_text_model(tmp_path / "m", "SiglipModel")
    cached(cache, "me/words", tmp_path / "m")
    same_outputs(name, tmp_path / "m")


@pytest.mark.parametrize("siglip", [False, True])
def test_open_clip_s_from_the_cache(siglip: bool, cache: Path, tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    write_open_clip(tmp_path / "m", siglip=siglip)
    cached(cache, "me/open", tmp_path / "m")
    same_outputs("clip:me/open", tmp_path / "m")


def files_of(folder: Path, repository: str) -> dict[str, bytes]:
    return {
        f"/{repository}/resolve/{revision}/{path.name}": path.read_bytes()
        for path in folder.iterdir()
        for revision in ("main", COMMIT)
    }


@pytest.mark.usefixtures("cache")
def test_downloaded_once_with_its_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("open_clip", "open-clip")
    write_text_model(tmp_path / "a", "CLIPModel")
    write_open_clip(tmp_path / "b", siglip=True)
    with serving({**files_of(tmp_path / "a", "me/a"), **files_of(tmp_path / "b", "me/b")}) as (address, asked):
        point_to(monkeypatch, address)
        load_model("me/a", device="cpu")  # the tower alone leaves the tokenizer on the hub
        assert not any("tokenizer" in each for each in asked)
        for name in ("a", "b"):
            same_outputs(f"clip:me/{name}", tmp_path / name)
        asked.clear()
        for name in ("clip:me/a", "me/a", "clip:me/b"):
            load_model(name, prompts=PROMPTS, device="cpu")
        assert asked == []


def test_what_the_hub_keeps_without_a_text_tower(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path / "vit")
    cached(cache, "me/vit", tmp_path / "vit")
    with pytest.raises(UsageError, match=r"model clip:me/vit has no text tower"):
        load_model("clip:me/vit", prompts=PROMPTS)
    with serving({}) as (address, _):
        point_to(monkeypatch, address)
        with pytest.raises(ModelError, match=r"me/gone on the hub has none of open_clip_config\.json"):
            load_model("clip:me/gone", prompts=PROMPTS)
    with pytest.raises(ModelError, match=r"model me/gone: there is no such folder; on the hub: .*cannot be reached"):
        load_model("me/gone", prompts=PROMPTS)


def test_open_clip_s_files_beside_timm_s(cache: Path, tmp_path: Path) -> None:
    """As in timm's repositories of CLIP: without "clip:" and prompts such a name is timm's own network."""
    require("open_clip", "open-clip")
    write_open_clip(tmp_path / "m")
    config = {"architecture": "vit_base_patch16_clip_224", "num_classes": 512, "pretrained_cfg": {}}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    name = "timm/vit_base_patch16_clip_224.openai"
    cached(cache, name, tmp_path / "m")
    same_outputs(f"clip:{name}", tmp_path / "m")
    same_outputs(name, tmp_path / "m")
