"""What a refusal says to do, done: of files, folders, names, modules and extras. Others stand beside what refuses."""

from __future__ import annotations

import gzip
import re
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.models import around
from tests.models.small import tiny
from vitexplain import explain, load_model
from vitexplain.errors import MissingExtraError, ModelError, UsageError
from vitexplain.models.library_model import import_extra
from vitexplain.models.timm_import import import_timm

PICTURE = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
FILE: dict[str, Any] = {"model": "test_vit", "device": "cpu"}


def network(**options: Any) -> Any:
    torch.manual_seed(0)
    return import_timm().create_model("test_vit", num_classes=3, **options).eval()


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = torch.ao.quantization.quantize_dynamic(network(), {nn.Linear})  # type: ignore[no-untyped-call]
    return made


def refused(words: str, call: Callable[[], object], kind: type[Exception] = ModelError) -> str:
    """Return the message of the error that the call ends with."""
    with pytest.raises(kind, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights.pth."""
    monkeypatch.chdir(tmp_path)
    torch.save(network().state_dict(), "right.pth")
    return tmp_path


def with_weights(file: str = "weights.pth", **options: Any) -> Any:
    return load_model(weights=file, **FILE, **options)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", ["whole module", "TorchScript"])
def test_the_line_that_saves_weights_out_of_a_program(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "whole module":
            torch.save(network(), "model.pt")
        else:
            torch.jit.trace(network(), torch.zeros(1, 3, 160, 160)).save("model.pt")  # type: ignore[no-untyped-call]
        message = refused("save its weights with torch.save", lambda: with_weights("model.pt"))
        exec(message[message.index("torch.save(") :], {"torch": torch, "FILE": "model.pt"})
    assert with_weights().num_classes == 3


def test_a_compressed_file_is_unpacked(place: Path) -> None:
    with (place / "right.pth").open("rb") as file, gzip.open(place / "packed.pth", "wb") as packed:
        shutil.copyfileobj(file, packed)
    refused(r"compressed \(gzip\): unpack it first", lambda: with_weights("packed.pth"))
    with gzip.open(place / "packed.pth") as packed, (place / "weights.pth").open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    assert with_weights().num_classes == 3


@pytest.mark.usefixtures("place")
def test_a_file_of_several_networks_or_of_something_else() -> None:
    both = {f"{eye}.{key}": value for eye in ("left", "right") for key, value in network().state_dict().items()}
    both["left.head.weight"] = both["left.head.weight"] + 1
    torch.save(both, "both.pth")
    refused("2 vision transformers, 'left' and 'right': save the state_dict of one", lambda: with_weights("both.pth"))
    torch.save({key: value for key, value in both.items() if key.startswith("right.")}, "weights.pth")
    assert with_weights().num_classes == 3
    torch.save([network().state_dict()], "list.pth")
    refused(r"holds a list, .*: save model\.state_dict\(\)", lambda: with_weights("list.pth"))
    torch.save(quantised().state_dict(), "quantised.pth")
    refused("save the model in float32 or float16", lambda: with_weights("quantised.pth"))
    torch.save(network().half().state_dict(), "weights.pth")
    assert with_weights().num_classes == 3


@pytest.mark.usefixtures("place")
def test_the_number_of_classes_and_a_model_of_another_size() -> None:
    message = refused(
        "do not fit VisionTransformer: these are weights of test_vit",
        lambda: load_model("vit_tiny_patch16_224", weights="right.pth"),
    )
    (name,) = re.findall(r"give `model=(\w+)`", message)
    assert load_model(name, weights="right.pth", device="cpu").num_classes == 3
    message = refused("has .* and 12: give `model=", lambda: load_model(weights="right.pth"))
    assert "the built-in model, used where `model=` is not given" in message


def test_a_folder_without_a_part(place: Path) -> None:
    timm = import_timm()
    timm.models.save_for_hf(network(), place / "mine", safe_serialization=True)
    (place / "mine" / "model.safetensors").rename(place / "other.safetensors")
    refused("neither model.safetensors nor .*: or add `weights=FILE`", lambda: load_model("./mine"))
    assert load_model("./mine", weights="other.safetensors", device="cpu").num_classes == 3
    (place / "mine" / "config.json").unlink()
    refused("or give `model=NAME` and `weights=FILE`", lambda: load_model("./mine"))
    assert with_weights("other.safetensors").num_classes == 3
    refused("weights alone are given with `weights=`", lambda: load_model("./right.pth"))
    assert with_weights("right.pth").num_classes == 3


@pytest.mark.usefixtures("place")
def test_names_that_are_near() -> None:
    torch.save({"a": torch.zeros(1)}, "other.pth")
    for given, pattern in (
        ("tset_vit", r"the nearest are (\w+)"),
        ("vit_tiny_patch16-224", r"the nearest are (\w+)"),
        ("torchvision:vit-b-32", r": (\w+)\?$"),
        ("open_clip:ViT-B32", r"such as (open_clip:ViT-B-32) "),
    ):
        (near,) = re.findall(pattern, refused("expected one|nearest are", partial(load_model, given)))
        near = f"torchvision:{near}" if given.startswith("torchvision:") else near
        # The name is known: only this file of something else is refused.
        refused("no weights of|expected torchvision's", partial(load_model, near, weights="other.pth"))


def test_objects_that_hold_a_module_and_modules_that_lack_something() -> None:
    module = network()
    holders: list[Any] = [(module, 1), SimpleNamespace(ema=module)]
    for holder in holders:
        (found,) = re.findall(r"(model(?:\.\w+|\[\d\]))$", refused("of type", partial(load_model, holder)))
        assert load_model(eval(found, {"model": holder})).num_classes == 3
    refused("meta device: load them first", lambda: load_model(network().to("meta")))
    refused("`weights=` has no effect .*: load it into the module", lambda: load_model(module, weights="w"), UsageError)
    blank = network()
    blank.load_state_dict(module.state_dict())
    assert load_model(blank).num_classes == 3


def test_sizes_that_a_module_does_not_take() -> None:
    call = "or create the module with dynamic_img_size=True"
    refused(call, lambda: load_model(tiny(), image_size=48), UsageError)
    assert load_model(tiny(dynamic_img_size=True), image_size=48).preprocess.size == (48, 48)
    other = import_timm().create_model("beit_base_patch16_224", embed_dim=48, depth=1, num_heads=3)
    assert call not in refused("takes pictures of", lambda: load_model(other, image_size=192), UsageError)
    assert load_model(other).preprocess.size == (224, 224)


def test_gradients_in_half_precision_and_of_quantised_layers() -> None:
    half = network().half()
    refused("too coarse for: use `dtype=float32`", lambda: explain(half, PICTURE, ["legrad"]), UsageError)
    assert explain(half, PICTURE, ["legrad"], dtype="float32").explanations
    layers = quantised()
    refused("use `methods=rollout`", lambda: explain(layers, PICTURE, ["legrad"]), UsageError)
    assert explain(layers, PICTURE, methods="rollout").explanations


def test_features_without_classes() -> None:
    features = import_timm().create_model("test_vit", num_classes=0).eval()
    refused("`reference_image=`, .*weights .* such as rollout", lambda: explain(features, PICTURE, ["legrad"]))
    assert explain(features, PICTURE, ["legrad"], reference_image=PICTURE[::-1].copy()).explanations
    assert explain(features, PICTURE, "rollout").explanations


def test_what_forward_returns() -> None:
    class Maps(around.Wrapper):
        def forward(self, x: torch.Tensor) -> Any:
            network: Any = self.model
            return network.forward_features(x)

    module = Maps(tiny())
    refused(r"its forward returns a tensor \(1, 17, 64\).*: give model\.model", lambda: load_model(module))
    assert load_model(module.model).num_classes == 5


@pytest.mark.parametrize(("library", "extra"), [("transformers", "transformers"), ("open_clip", "open-clip")])
def test_the_extra_that_is_named_brings_the_library(library: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def missing(_name: str) -> Any:
        raise ImportError("no")

    monkeypatch.setattr(importlib, "import_module", missing)
    message = refused("is not installed", lambda: import_extra(library, extra, "mine"), MissingExtraError)
    (named,) = re.findall(r"pip install 'vitexplain\[([\w-]+)\]'$", message)
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^{named} = \["{library}', project, re.MULTILINE)
