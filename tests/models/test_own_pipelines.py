"""Predictions are those of each library's own pipeline, on the sample photographs (random weights, built here)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.networks.other_libraries import require, shaken, torchvision_model, transformers_model
from vitexplain import explain, load_model
from vitexplain.images import open_picture, prepare
from vitexplain.models import LoadedModel
from vitexplain.models.timm_import import import_timm

PHOTOGRAPHS = sorted(
    path for path in (Path(__file__).parents[2] / "sample_images").iterdir() if path.suffix in (".jpg", ".png")
)


def same_predictions(model: LoadedModel, pipeline: Callable[[Image.Image], Tensor]) -> None:
    """Check the probabilities of every photograph against the pipeline's (C,)."""
    assert len(PHOTOGRAPHS) > 15
    for path in PHOTOGRAPHS:
        with Image.open(path) as image, torch.inference_mode():
            expected = pipeline(image.convert("RGB"))
        predictions = explain(model, path, "raw", top_k=len(expected)).predictions
        found = {each.index: each.probability for each in predictions}
        assert found == pytest.approx(dict(enumerate(expected.tolist())), abs=1e-4), path.name


def same_embeddings(model: LoadedModel, pipeline: Callable[[Image.Image], Tensor]) -> None:
    """Check the embedding of every photograph against the pipeline's (C,)."""
    assert model.num_classes == 0
    for path in PHOTOGRAPHS:
        pixels = torch.from_numpy(prepare(open_picture(path), model.preprocess)[0])[None]
        with Image.open(path) as image, torch.inference_mode():
            torch.testing.assert_close(model.network(pixels)[0], pipeline(image.convert("RGB")), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["test_vit", "deit3_small_patch16_224"])
def test_timm(name: str) -> None:
    timm = import_timm()
    torch.manual_seed(0)
    network = shaken(timm.create_model(name, num_classes=7, embed_dim=48, depth=2, num_heads=3))
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network))
    same_predictions(load_model(network), lambda image: network(transform(image)[None])[0].softmax(-1))


@pytest.mark.parametrize("weights", ["ViT_B_32_Weights.IMAGENET1K_V1", "ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1"])
def test_torchvision(weights: str) -> None:
    import_timm()
    from torchvision import models

    transform = models.get_weight(weights).transforms()
    (side,) = set(transform.crop_size)
    network = torchvision_model(image_size=side, patch_size=32)
    same_predictions(load_model(network), lambda image: network(transform(image)[None])[0].softmax(-1))


@pytest.mark.parametrize("name", ["ViT", "DeiT"])
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_transformers(name: str, tmp_path: Path) -> None:
    require("transformers", "transformers")
    import transformers

    transformers_model(f"{name}ForImageClassification", image_size=224, patch_size=32).save_pretrained(tmp_path)
    getattr(transformers, f"{name}ImageProcessor")().save_pretrained(tmp_path)
    classify = transformers.pipeline("image-classification", model=str(tmp_path), device="cpu")

    def probabilities(image: Image.Image) -> Tensor:
        answers = {each["label"]: each["score"] for each in classify(image, top_k=5)}
        return torch.tensor([answers[f"LABEL_{index}"] for index in range(5)])

    same_predictions(load_model(str(tmp_path), device="cpu"), probabilities)
    assert load_model(classify.model).preprocess == load_model(str(tmp_path), device="cpu").preprocess


_SQUASHED = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.4, 0.5, 0.6), "image_resize_mode": "squash"}


@pytest.mark.parametrize(
    ("tower", "settings"),
    [("open_clip", {}), ("open_clip", _SQUASHED), ("timm", _SQUASHED), ("timm", {"image_interpolation": "bilinear"})],
)
def test_open_clip(tower: str, settings: dict[str, Any], tmp_path: Path) -> None:
    require("open_clip", "open-clip")
    import open_clip

    own = {"layers": 2, "width": 48, "head_width": 16, "patch_size": 32}
    others = {"timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear"}
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 160, **(own if tower == "open_clip" else others)},
        "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
    }
    (tmp_path / f"small-{tower}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    made, _, preprocess = open_clip.create_model_and_transforms(f"small-{tower}", pretrained=None, **settings)
    network = shaken(made)
    same_embeddings(load_model(network), lambda image: network.encode_image(preprocess(image)[None])[0])
    assert load_model(network.visual).preprocess == load_model(network).preprocess
