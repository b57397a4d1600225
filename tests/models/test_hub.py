"""timm's pretrained models by way of a local copy of the hub."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.hub_cache import put_in_cache, serving, silent
from vitexplain.errors import ModelError, UsageError
from vitexplain.models import hub, load_model

NAME = "test_vit.r160_in1k"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty hub cache, and a hub that refuses connections."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    point_to(monkeypatch, "http://127.0.0.1:9")
    yield tmp_path / "hub"


def point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.mark.parametrize("file_name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("name", ["test_vit", NAME])
def test_cached_weights_are_loaded_offline(cache: Path, name: str, file_name: str) -> None:
    network = put_in_cache(cache, NAME, file_name)
    model = load_model(name, device="cpu")
    assert (model.name, model.origin, model.num_classes) == (NAME, "timm", 1000)
    assert model.labels is not None
    assert model.labels.name(1) == "goldfish"
    pixels = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(model.network(pixels), network(pixels))
    assert not any(parameter.requires_grad for parameter in model.network.module.parameters())
    assert not model.network.module.training
    assert model.weights_sha256 is not None
    cfg: Any = model.network.module.pretrained_cfg
    assert "state_dict" not in cfg


def test_classes_can_be_left_out_but_not_invented(cache: Path) -> None:
    put_in_cache(cache, NAME)
    model = load_model(NAME, num_classes=0, device="cpu")
    assert (model.num_classes, model.labels) == (0, None)
    assert model.network(torch.zeros(1, 3, 160, 160)).shape == (1, 64)
    with pytest.raises(UsageError, match=r"num_classes 7: .* has 1000 classes, expected 1000 or 0: .*`weights=`"):
        load_model(NAME, num_classes=7)


def test_not_cached_and_unreachable_is_one_error_that_names_the_ways_out(cache: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"not cached and the model hub cannot be .*`model=builtin`.*`weights=`"):
        load_model("vit_tiny_patch16_224")
    assert time.monotonic() - start < 5
    assert not cache.exists() or not any(path.is_file() for path in cache.rglob("*safetensors*"))


@pytest.mark.usefixtures("cache")
def test_a_hub_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.3)
    with silent() as address:
        point_to(monkeypatch, address)
        start = time.monotonic()
        with pytest.raises(ModelError, match="cannot be reached"):
            load_model(NAME)
        assert time.monotonic() - start < 5


@pytest.mark.usefixtures("cache")
def test_weights_are_downloaded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network = put_in_cache(tmp_path / "origin", NAME)
    content = next((tmp_path / "origin").rglob("model.safetensors")).read_bytes()
    with serving({f"/timm/{NAME}/resolve/main/model.safetensors": content}) as (address, asked):
        point_to(monkeypatch, address)
        model = load_model(NAME, device="cpu")
        assert torch.equal(model.network.module.state_dict()["head.weight"], network.state_dict()["head.weight"])
        assert any(question.startswith("GET") for question in asked)
        asked.clear()
        load_model(NAME, device="cpu")
        assert asked == []


@pytest.mark.usefixtures("cache")
def test_a_hub_without_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as (address, asked):
        point_to(monkeypatch, address)
        with pytest.raises(ModelError, match=r"has none of model\.safetensors, pytorch_model\.bin.*`weights=`"):
            load_model(NAME)
        assert len(asked) >= 2


def test_a_damaged_cached_file_says_which_to_delete(cache: Path) -> None:
    put_in_cache(cache, NAME)
    file = next(cache.rglob("model.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be used .*: delete the file"):
        load_model(NAME)


def test_hf_home_and_pretrained_true_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The environment variables of the hub's client hold, and are as they were afterwards."""
    put_in_cache(tmp_path / "home" / "hub", NAME)
    code = (
        "import os; before = dict(os.environ)\n"
        "from vitexplain.models import load_model\n"
        f"model = load_model({NAME!r}, device='cpu')\n"
        "assert dict(os.environ) == before\n"
        "print(model.name, model.num_classes)\n"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = {**kept, "HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (f"{NAME} 1000\n", "", 0)
