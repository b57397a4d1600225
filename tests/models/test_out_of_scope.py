"""Models for videos, detection, segmentation, depth and sound: refused in one line, before weights are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.cli.command_line import command_line
from tests.models.hub_cache import COMMIT
from tests.networks.other_libraries import require, transformers_model
from vitexplain import explain
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import ADAPTERS, other_task

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

FOLDERS = {
    "VideoMAEForVideoClassification": ("videomae", "videos"),
    "TimesformerForVideoClassification": ("timesformer", "videos"),
    "VivitForVideoClassification": ("vivit", "videos"),
    "DetrForObjectDetection": ("detr", "detection"),
    "YolosForObjectDetection": ("yolos", "detection"),
    "SegformerForSemanticSegmentation": ("segformer", "segmentation"),
    "BeitForSemanticSegmentation": ("beit", "segmentation"),
    "Mask2FormerForUniversalSegmentation": ("mask2former", "segmentation"),
    "SamModel": ("sam", "segmentation"),
    "DPTForDepthEstimation": ("dpt", "depth"),
    "ASTForAudioClassification": ("audio-spectrogram-transformer", "sound"),
    "Wav2Vec2ForSequenceClassification": ("wav2vec2", "sound"),
}


def refused(module: nn.Module, words: str) -> None:
    """Check that the module is refused with these words at the end of one line."""
    with pytest.raises(ModelError, match=rf"{words}: use a classifier of pictures \(vitexplain models lists") as error:
        explain(module, PICTURE)
    assert "\n" not in str(error.value) and error.value.exit_code == 4


def described(folder: Path, **config: Any) -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_refused_before_its_weights_are_looked_for(name: str, tmp_path: Path) -> None:
    family, task = FOLDERS[name]
    folder = described(tmp_path / "m", architectures=[name], model_type=family)
    for model in (folder, f"clip:{folder}"):
        with pytest.raises(ModelError, match=rf"m \({name}\): out of scope, a model for {task}: use a clas") as error:
            load_model(model)
        assert "\n" not in str(error.value)


def test_a_folder_that_names_no_class_is_known_by_its_family(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m \(sam2\): out of scope, a model for segmentation"):
        load_model(described(tmp_path / "m", model_type="sam2"))
    with pytest.raises(ModelError, match=r"n \(audio-spectrogram-transformer\): out of scope, a model for sound"):
        load_model(described(tmp_path / "n", model_type="audio-spectrogram-transformer"))


def test_a_classifier_of_a_family_that_segments_too_keeps_its_own_reason(tmp_path: Path) -> None:
    folder = described(tmp_path / "m", architectures=["SegformerForImageClassification"], model_type="segformer")
    with pytest.raises(ModelError, match="not supported, its tokens are merged between stages"):
        load_model(folder)


@pytest.mark.parametrize("name", ["me/detr", "hf-hub:me/detr", "clip:me/detr"])
def test_a_name_on_the_hub_is_refused_by_its_config_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    place = tmp_path / "models--me--detr"
    described(place / "snapshots" / COMMIT, architectures=["DetrForObjectDetection"], model_type="detr")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    with pytest.raises(ModelError, match=r"^model (clip:)?me/detr \(DetrForObjectDetection\): out of scope, a model"):
        load_model(name)


def test_the_command_ends_with_4_and_its_advice_works(tmp_path: Path) -> None:
    folder = described(tmp_path / "m", architectures=["YolosForObjectDetection"], model_type="yolos")
    picture = str(next((Path(__file__).parents[2] / "sample_images").glob("*.jpg")))
    ended = command_line("run", picture, "--model", folder, "-o", tmp_path / "out")
    assert ended.code == 4 and not (tmp_path / "out").exists()
    assert "(YolosForObjectDetection): out of scope, a model for detection: use a class" in ended.error_line
    assert "vit_tiny_patch16_224" in command_line("models", "vit_tiny*").out


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("fasterrcnn_resnet50_fpn", "detection"),
        ("deeplabv3_resnet50", "segmentation"),
        ("swin3d_t", "videos"),
        ("mvit_v2_s", "videos"),
        ("raft_small", "optical flow"),
    ],
)
def test_names_of_torchvision(name: str, task: str) -> None:
    with pytest.raises(ModelError, match=rf"^model torchvision:{name}: out of scope, a model for {task}: use a"):
        load_model(f"torchvision:{name}")


def test_every_name_of_torchvision_has_the_task_that_its_package_says() -> None:
    import_timm()
    from torchvision import models

    for package, task in (("detection", "detection"), ("segmentation", "segmentation"), ("video", "videos")):
        for name in models.list_models(module=getattr(models, package)):
            assert other_task(f"{models.get_model_builder(name).__module__}.{name}") == task
    for name in models.list_models(module=models):
        assert other_task(f"{models.get_model_builder(name).__module__}.{name}") is None


def test_modules_of_torchvision_also_inside_others() -> None:
    import_timm()
    from torchvision import models

    built = (
        (models.video.r3d_18(num_classes=2), "VideoResNet", "videos"),
        (models.segmentation.lraspp_mobilenet_v3_large(weights_backbone=None), "LRASPP", "segmentation"),
    )
    for module, name, task in built:
        refused(module, f"^model {name}: out of scope, a model for {task}")
        refused(nn.Sequential(module), rf"^model Sequential \({name} at model\[0\]\): out of scope, a model for {task}")


MODULES: dict[str, dict[str, Any]] = {
    "VideoMAEForVideoClassification": {"decoder_num_attention_heads": 3, "num_frames": 4},
    "VideoMAEModel": {"num_frames": 4},
    "TimesformerForVideoClassification": {"num_frames": 2},
    "VivitForVideoClassification": {"num_frames": 2, "tubelet_size": [2, 8, 8]},
    "YolosForObjectDetection": {"image_size": [32, 32], "num_detection_tokens": 3},
    "ASTForAudioClassification": {"max_length": 32, "num_mel_bins": 32},
    "BeitForSemanticSegmentation": {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4], "use_mask_token": False},
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_transformers(name: str) -> None:
    require("transformers", "transformers")
    module = transformers_model(name, **MODULES[name])
    task = other_task(f"transformers.models.any.modeling_any.{name}") or "videos"
    refused(module, f"^model {name}: out of scope, a model for {task}")
    mine = type("Mine", (type(module),), {})
    refused(mine(module.config), f"^model Mine: out of scope, a model for {task}")
    if "For" in name:
        held = nn.ModuleDict({"net": module})
        refused(held, rf"^model ModuleDict \({name} at model\.net\): out of scope, a model for {task}")


def test_the_encoder_inside_is_explained_by_itself() -> None:
    require("transformers", "transformers")
    name = "BeitForSemanticSegmentation"
    model = transformers_model(name, **MODULES[name])
    assert explain(model.beit, PICTURE, methods="rollout").explanations[0].scores.shape == (4, 4)


def test_a_classifier_that_reads_the_encoder_of_such_a_model_is_not_called_out_of_scope() -> None:
    require("transformers", "transformers")
    module = nn.Sequential(transformers_model("VideoMAEModel", num_frames=4), nn.Linear(48, 3))
    with pytest.raises(ModelError, match=r"model Sequential: not supported.*seen inside: VideoMAEModel"):
        explain(module, PICTURE)


def test_tasks_agree_with_the_lists_of_transformers() -> None:
    require("transformers", "transformers")
    from transformers.models.auto import modeling_auto as lists

    def classes(task: str) -> list[tuple[str, str]]:
        table = getattr(lists, f"MODEL_FOR_{task}_MAPPING_NAMES").items()
        return [(family, cls) for family, names in table for cls in ([names] if isinstance(names, str) else names)]

    out = {
        "VIDEO_CLASSIFICATION": "videos",
        "OBJECT_DETECTION": "detection",
        "ZERO_SHOT_OBJECT_DETECTION": "detection",
        "SEMANTIC_SEGMENTATION": "segmentation",
        "INSTANCE_SEGMENTATION": "segmentation",
        "UNIVERSAL_SEGMENTATION": "segmentation",
        "MASK_GENERATION": "segmentation",
        "DEPTH_ESTIMATION": "depth",
        "POSE_ESTIMATION": "poses",
        "AUDIO_CLASSIFICATION": "sound",
        "AUDIO_FRAME_CLASSIFICATION": "sound",
    }
    for task, words in out.items():
        for family, cls in classes(task):
            assert other_task(f"transformers.{family}.{cls}") == words, (family, cls)
    for task in ("IMAGE_CLASSIFICATION", "ZERO_SHOT_IMAGE_CLASSIFICATION", "IMAGE", "MASKED_IMAGE_MODELING"):
        for family, cls in classes(task):
            assert other_task(f"transformers.{family}.{cls}", part=True) is None, cls
    for family, cls in classes("IMAGE_CLASSIFICATION"):
        assert other_task(f"transformers.{family}.{cls}") is None, cls


def test_nothing_that_is_described_is_out_of_scope() -> None:
    for adapter in ADAPTERS:
        assert [name for name in adapter.handles if other_task(name) is not None] == []
    assert other_task(f"{torch.nn.Linear.__module__}.Linear") is None
