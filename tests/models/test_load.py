"""load_model: the built-in model and weights from a file, on every device and in every precision that is there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.models.hub_cache import write_weights
from tests.models.small import told_of
from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess, prepare
from vitexplain.images.picture import open_picture
from vitexplain.models import load_model
from vitexplain.models.builtin.network import WEIGHTS_FILE
from vitexplain.models.evaluation_transform import builtin_preprocess, timm_preprocess
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise
from vitexplain.tokens import TokenGrid

SMALL = "test_vit"


def small(num_classes: int) -> torch.nn.Module:
    torch.manual_seed(num_classes)
    network: torch.nn.Module = import_timm().create_model(SMALL, num_classes=num_classes).eval()
    return network


def test_importing_models_imports_neither_torch_nor_timm() -> None:
    code = (
        "import sys, vitexplain.models, vitexplain.images; print({'torch', 'timm', 'torchvision'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_built_in_model() -> None:
    model = load_model(device="cpu")
    assert (model.name, model.origin, model.num_classes, model.notices) == ("builtin", "built-in", 200, ())
    assert model.labels is not None
    assert (model.labels.name(0), model.labels.id(0), len(model.labels)) == ("goldfish", "n01443537", 200)
    assert model.preprocess == builtin_preprocess()
    assert model.network.levels(224, 224) == (TokenGrid(1, 16, 16),) * 13
    assert model.network.levels(140, 280) == (TokenGrid(1, 10, 20),) * 13
    assert model.weights_sha256 == hashlib.sha256(WEIGHTS_FILE.read_bytes()).hexdigest()
    assert not any(parameter.requires_grad for parameter in model.network.module.parameters())
    assert load_model(num_classes=0, device="cpu").labels is None
    with pytest.raises(UsageError, match="num_classes 10: the built-in model has 200 classes"):
        load_model(num_classes=10)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_weights_from_a_file_bring_their_number_of_classes(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"mine{ending}"
    network = small(3)
    write_weights(network, file)
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    model = load_model(SMALL, weights=file, labels=tmp_path / "labels.txt", device="cpu")
    assert (model.name, model.origin, model.num_classes) == (SMALL, f"file: mine{ending}", 3)
    assert model.labels is not None
    assert model.labels.name(2) == "cat"
    assert model.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    pixels = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(model.network(pixels), network(pixels))
    assert load_model(SMALL, weights=str(file), device="cpu").labels is None
    assert load_model(SMALL, weights=file, num_classes=3, device="cpu").num_classes == 3
    assert load_model(SMALL, weights=file, num_classes=0, device="cpu").num_classes == 0
    with pytest.raises(UsageError, match=rf"num_classes 4: the file {file.name} has 3 classes, expected 3 or 0"):
        load_model(SMALL, weights=file, num_classes=4)
    with pytest.raises(ModelError, match="2 names, expected 3"):
        load_model(SMALL, weights=file, labels=_written(tmp_path / "two.txt", "ant\nbee\n"))
    with pytest.raises(ModelError, match="do not fit VisionTransformer"):
        load_model("vit_tiny_patch16_224", weights=file)


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_weights_without_classifier_are_explained_without_predictions(tmp_path: Path) -> None:
    state = {key: value for key, value in small(3).state_dict().items() if not key.startswith("head.")}
    save_file(state, tmp_path / "w.safetensors")
    model = load_model(SMALL, weights=tmp_path / "w.safetensors", device="cpu")
    assert model.num_classes == 0
    assert told_of(model) == ()  # an explanation says it, for every model without classifier


def test_other_weights_for_the_built_in_architecture(tmp_path: Path) -> None:
    network: Any = load_model(device="cpu").network.module
    network.reset_classifier(4)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    model = load_model(weights=tmp_path / "w.safetensors", device="cpu")
    assert (model.origin, model.num_classes, model.labels) == ("file: w.safetensors", 4, None)
    assert model.preprocess == builtin_preprocess()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_precision(tmp_path: Path, dtype: str) -> None:
    write_weights(small(3), tmp_path / "w.safetensors")
    model = load_model(SMALL, weights=tmp_path / "w.safetensors", dtype=dtype, device="cpu")
    assert str(model.dtype) == f"torch.{dtype}"
    assert model.network(torch.zeros(1, 3, 160, 160, dtype=model.dtype)).dtype == model.dtype


def test_names_that_cannot_be_used() -> None:
    for name, words in [
        ("vit_tiny_patch16_244", r"unknown, the nearest are vit_tiny_patch16_224, .*see vitexplain models"),
        ("bultin", "unknown, the nearest are builtin"),
        ("zzz", "unknown: see vitexplain models"),
        ("vit_tiny_patch16_224.augreg", r"unknown weights, the nearest are vit_tiny_patch16_224\.augreg_in21k"),
        ("vit_small_patch16_18x2_224", "not supported, its blocks hold two attentions"),
        ("resnet18", "not supported, it is a convolutional network: it has no attention"),
    ]:
        with pytest.raises(ModelError, match=words):
            load_model(name)
    with pytest.raises(UsageError, match="num_classes -1"):
        load_model(num_classes=-1)


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "vit_base_patch16_siglip_224", "vit_tiny_r_s16_p8_224", "beit_base_patch16_224"]
)
def test_the_preprocess_of_a_named_model_is_timms(name: str) -> None:
    with torch.device("meta" if "_r_" not in name else "cpu"):
        network = import_timm().create_model(name)
    data = import_timm().data
    transform = data.create_transform(**data.resolve_data_config(pretrained_cfg=network.pretrained_cfg))
    preprocess: Preprocess = timm_preprocess(recognise(network))[0]
    for size in [(301, 187), (90, 400)]:
        noise = torch.randint(0, 256, (*size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        picture = open_picture(noise.numpy())
        assert prepare(picture, preprocess)[0].tobytes() == transform(picture.image).numpy().tobytes()


@pytest.mark.parametrize("given", [4, 1_000_000, 10**12, -1])
@pytest.mark.parametrize("classes", [3, 0])
def test_a_number_of_classes_is_checked_before_memory_is_given_to_it(tmp_path: Path, classes: int, given: int) -> None:
    save_file(small(classes).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match=rf"num_classes {given}: .*expected ({classes or 0}|0)") as caught:
        load_model(SMALL, weights=tmp_path / "w.safetensors", num_classes=given, device="cpu")
    assert "\n" not in str(caught.value)


def test_an_empty_precision_is_none() -> None:
    with pytest.raises(UsageError, match="expected float32, bfloat16 or float16"):
        load_model("builtin", dtype="", device="cpu")
