"""Folders that transformers wrote, and its names on the hub: predictions of its own pipeline, its names of classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.models.hub_cache import COMMIT
from tests.networks.other_libraries import require, timm_wrapper, transformers_model
from tests.networks.swin_elsewhere import transformers_swin
from vitexplain import explain
from vitexplain.errors import MissingExtraError, ModelError, UsageError
from vitexplain.images import open_picture, prepare
from vitexplain.models import library_model, load_model, wrap_model
from vitexplain.networks import recognise

SAMPLES = sorted((Path(__file__).parents[2] / "sample_images").glob("*.jpg"))
NAMES = dict(enumerate(("ant", "bee", "cat", "dog", "eel")))


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    require("transformers", "transformers")


def written(folder: Path, name: str = "ViTForImageClassification", processor: str | None = None, **options: Any) -> Any:
    """Return a small model of transformers that was written into the folder, with an image processor."""
    import transformers

    module = transformers_model(name, **options)
    module.config.id2label = NAMES
    module.config.label2id = {label: index for index, label in NAMES.items()}
    module.save_pretrained(folder)
    if processor is not None:
        size = {"height": 32, "width": 32}
        shortest = {"size": {"shortest_edge": 37}, "crop_size": size} if processor[:4] in ("CLIP", "BitI") else {}
        getattr(transformers, processor)(**{"size": size, **shortest}).save_pretrained(folder)
    return module


PIPELINES = {
    "ViTForImageClassification": "ViTImageProcessor",
    "DeiTForImageClassification": "DeiTImageProcessor",
    "BeitForImageClassification": "BeitImageProcessor",
    "Dinov2ForImageClassification": "BitImageProcessor",
    "CLIPForImageClassification": "CLIPImageProcessor",
    "SiglipForImageClassification": "SiglipImageProcessor",
}


@pytest.mark.parametrize("name", PIPELINES)
def test_predictions_are_those_of_its_own_pipeline(name: str, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor

    size: dict[str, Any] = {"image_size": 224} if name.startswith("DeiT") else {}
    theirs = written(tmp_path, name, PIPELINES[name], **size)
    if name.startswith(("CLIP", "Dinov2")):
        edited = json.loads((tmp_path / "preprocessor_config.json").read_text())
        side = 32 if name.startswith("CLIP") else 40
        edited["crop_size"] = {"height": side, "width": side}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(edited))
    elif name.startswith("DeiT"):
        edited = json.loads((tmp_path / "preprocessor_config.json").read_text())
        edited["size"] = {"height": 256, "width": 256}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(edited))
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert (model.name, model.origin) == (name, f"folder: {tmp_path.name}")
    assert model.labels is not None and model.labels.name(2) == "cat"
    assert model.notices == ()
    for path in SAMPLES:
        ours, _ = prepare(open_picture(path), model.preprocess)
        with Image.open(path) as image:
            given = processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(torch.from_numpy(ours)[None], given, rtol=0, atol=1e-5)
        with torch.inference_mode():
            expected = theirs(given).logits.softmax(-1)
        (first, *_) = explain(model, path, methods=["raw"]).predictions
        assert first.probability == pytest.approx(float(expected.max()), abs=1e-4)
        assert first.index == int(expected.argmax())


@pytest.mark.parametrize("name", ["SwinForImageClassification", "Swinv2ForImageClassification"])
def test_a_swin_from_a_folder(name: str, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor, ViTImageProcessor

    theirs = transformers_swin(name)
    theirs.config.id2label, theirs.config.label2id = NAMES, {label: index for index, label in NAMES.items()}
    theirs.save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 56, "width": 56}, resample=3).save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert (model.name, model.notices) == (name, ())
    assert model.labels is not None and model.labels.name(2) == "cat"
    with Image.open(SAMPLES[0]) as image:
        given = AutoImageProcessor.from_pretrained(tmp_path)(images=image.convert("RGB"), return_tensors="pt")
    with torch.inference_mode():
        expected = theirs(given["pixel_values"]).logits.softmax(-1)
    result = explain(model, SAMPLES[0], methods=["rollout", "attn-lrp"])
    assert result.predictions[0].probability == pytest.approx(float(expected.max()), abs=1e-4)
    assert result.explanations[0].scores.shape == (14, 14)
    config = json.loads((tmp_path / "config.json").read_text())
    for key, value in (("depths", [2, 10**9, 2]), ("num_heads", [1] * 17), ("embed_dim", 10**9)):
        (tmp_path / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(ModelError, match=f"its config.json cannot be used: {key} is"):
            load_model(str(tmp_path), device="cpu")


@pytest.mark.parametrize("name", ["CLIPModel", "SiglipModel", "Siglip2Model"])
def test_of_models_of_pictures_and_texts_the_tower_is_read(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"num_patches": 16} if name == "Siglip2Model" else {}
    module = written(tmp_path, name, **options)
    model = load_model(str(tmp_path), device="cpu")
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(pixels), recognise(module)(pixels), rtol=1e-4, atol=1e-5)
    assert model.num_classes == 0
    assert not any("text" in key for key, _ in model.network.module.named_parameters())


def test_a_module_from_a_folder_finds_its_processor(tmp_path: Path) -> None:
    from transformers import ViTForImageClassification

    written(tmp_path, processor="CLIPImageProcessor")
    module = ViTForImageClassification.from_pretrained(tmp_path)
    model = wrap_model(module)
    assert model.preprocess.mean == (0.48145466, 0.4578275, 0.40821073) and model.notices == ()
    assert model.name == tmp_path.name
    assert "no preprocessor_config.json" in wrap_model(transformers_model("ViTModel")).notices[0]


def test_files_in_pieces_in_half_precision_and_of_training(tmp_path: Path) -> None:
    module = written(tmp_path / "a")
    module.save_pretrained(tmp_path / "b", max_shard_size="60KB")
    assert len(list((tmp_path / "b").glob("*.safetensors"))) > 1
    torch.save({"module." + key: value for key, value in module.state_dict().items()}, tmp_path / "trained.pth")
    half = {key: value.half() for key, value in load_file(tmp_path / "a" / "model.safetensors").items()}
    save_file(half, tmp_path / "half.safetensors")
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        expected = module(pixels).logits
        for folder, weights, exact in (
            ("a", None, 1e-6),
            ("b", None, 1e-6),
            ("a", "trained.pth", 1e-6),
            ("a", "half.safetensors", 1e-2),
        ):
            found = load_model(
                str(tmp_path / folder), weights=None if weights is None else tmp_path / weights, device="cpu"
            )
            assert found.dtype == torch.float32
            torch.testing.assert_close(found.network(pixels), expected, rtol=0, atol=exact)


def test_without_classifier(tmp_path: Path) -> None:
    written(tmp_path)
    assert load_model(str(tmp_path), num_classes=0, device="cpu").num_classes == 0
    assert load_model(str(tmp_path), num_classes=5, device="cpu").num_classes == 5
    with pytest.raises(UsageError, match=r"num_classes 7: model .* has 5 classes, expected 5 or 0"):
        load_model(str(tmp_path), num_classes=7, device="cpu")


def edit(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hidden_size": 1 << 40}, "hidden_size is 1099511627776, expected a whole number up to 16,384"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"image_size": -3}, "image_size is -3, expected pixels"),
        ({"id2label": ["a"]}, r"id2label is \['a'\], expected a table"),
        ({"hidden_size": 8_190, "intermediate_size": 65_536}, "describes .* numbers, the weights hold"),
        ({"hidden_size": 50}, "transformers cannot build|do not fit"),
        ({"architectures": ["PvtForImageClassification"]}, "describes PvtForImageClassification of transformers"),
        ({"architectures": ["os.system"]}, "describes os.system of transformers, which is not supported"),
        ({"architectures": None}, "names no class"),
        ({"num_hidden_layers": 3}, r"vit\.layers\.2\..* is absent"),
        ({"patch_size": 16}, "patch_embeddings.projection.weight is 48 x 3 x 8 x 8, expected 48 x 3 x 16 x 16"),
    ],
)
def test_what_a_configuration_claims(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    written(tmp_path)
    edit(tmp_path, **values)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    edit(tmp_path, auto_map={"AutoModelForImageClassification": "modeling.Mine", "AutoConfig": "modeling.Config"})
    assert load_model(str(tmp_path), device="cpu").num_classes == 5
    assert not (tmp_path / "ran").exists()


def test_nothing_is_printed_and_bars_stay_as_they_were(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    written(tmp_path)
    capfd.readouterr()
    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    load_model(str(tmp_path), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == before


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    written(tmp_path)

    def missing(_name: str) -> Any:
        raise ImportError("no")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"needs transformers.*: pip install 'vitexplain\[transformers\]'"):
        library_model.import_extra("transformers", "transformers", "mine")


def test_no_weights(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor pytorch_model\.bin in it"):
        load_model(str(tmp_path))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def cached(cache: Path, repository: str, folder: Path) -> None:
    """Put the files of a folder into a cache of the hub, as its client keeps them."""
    place = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)


@pytest.mark.parametrize("name", ["hf-hub:me/my-vit", "hf_hub:me/my-vit", "me/my-vit", "hf-hub:me/my-vit@main"])
def test_a_name_on_the_hub_is_read_from_its_cache(name: str, cache: Path, tmp_path: Path) -> None:
    module = written(tmp_path / "m", processor="ViTImageProcessor")
    cached(cache, "me/my-vit", tmp_path / "m")
    model = load_model(name, device="cpu")
    assert model.origin == "hub" and model.name.startswith("me/my-vit")
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(pixels), module(pixels).logits)
    assert model.labels is not None and model.labels.name(0) == "ant"


def test_a_timm_wrapper_is_read_as_timm_reads_it(cache: Path, tmp_path: Path) -> None:
    module = timm_wrapper()
    module.save_pretrained(tmp_path / "m")
    cached(cache, "me/wrapped", tmp_path / "m")
    pixels = torch.randn(1, 3, 32, 32)
    for name in (str(tmp_path / "m"), "me/wrapped"):
        model = load_model(name, device="cpu")
        with torch.inference_mode():
            torch.testing.assert_close(model.network(pixels), module(pixels).logits)
