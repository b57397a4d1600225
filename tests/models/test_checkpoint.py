"""Checkpoints as training programs write them: the network in them is found, its classifier taken or named."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.checkpoint import Checkpoint, read_checkpoint
from vitexplain.models.weights import fit_weights, refuse_other_library

State = dict[str, torch.Tensor]
PLAIN: State = tiny(1).state_dict()
OTHER: State = {key: value * 0 for key, value in PLAIN.items()}
BARE: State = tiny(1, num_classes=0).state_dict()
LINEAR: State = {"weight": torch.ones(7, 64), "bias": torch.zeros(7)}


def under(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def read(path: Path, content: Any) -> Checkpoint:
    torch.save(content, path / "w.pth")
    return read_checkpoint(path / "w.pth")


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def chunked(state: State) -> State:
    return {
        f"blocks.{int(key.split('.')[1]) // 2}.{key.removeprefix('blocks.')}"
        if key.startswith("blocks.")
        else key: value
        for key, value in state.items()
    }


PLACES: dict[str, Callable[[], Any]] = {
    **{
        f"under {key}": partial(dict, epoch=1, optimizer={"state": {0: torch.zeros(2)}}, **{key: PLAIN})
        for key in ("model_state_dict", "net", "network", "ema", "best_state_dict", "weights", "anything")
    },
    "two deep": lambda: {"checkpoint": {"state": {"model": PLAIN}}},
    "Lightning": lambda: {"state_dict": under("net.", PLAIN), "hyper_parameters": {"lr": 0.1}, "callbacks": {}},
    "Lightning, compiled": lambda: {"state_dict": under("model._orig_mod.", PLAIN)},
    "DDP of a wrapper": lambda: under("module.encoder.vit.", PLAIN),
    "FSDP": lambda: under(
        "_fsdp_wrapped_module.",
        {key.replace("blocks.0.", "blocks.0._fsdp_wrapped_module."): PLAIN[key] for key in PLAIN},
    ),
    "activation checkpoints": lambda: {
        key.replace("blocks.1.", "blocks.1._checkpoint_wrapped_module."): PLAIN[key] for key in PLAIN
    },
    "averaged in the same table": lambda: under("ema_model.module.", PLAIN) | under("model.", OTHER),
    "averaged in another table": lambda: {"model": OTHER, "ema_state_dict": PLAIN},
    "AveragedModel": lambda: {**under("module.", PLAIN), "n_averaged": torch.tensor(3)},
    "a teacher": lambda: under("student.", OTHER) | under("teacher.", PLAIN),
    "the same twice": lambda: {"state_dict": PLAIN, "model_copy": dict(PLAIN)},
    "the usual names first": lambda: {"state_dict": PLAIN, "earlier": OTHER},
    "chunks of blocks": lambda: under("teacher.backbone.", chunked(PLAIN)),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_network_is_found(tmp_path: Path, place: str) -> None:
    checkpoint = read(tmp_path / ".", PLACES[place]())
    assert same(checkpoint.state, PLAIN)
    assert not checkpoint.problem


def test_what_stands_beside_is_left_aside_and_named_once(tmp_path: Path) -> None:
    beside: State = {
        "criterion.weight": torch.ones(5),
        "val_cm.confmat": torch.zeros(5, 5),
        "projector.0.weight": torch.zeros(8, 64),
        "projector.2.weight": torch.zeros(8, 8),
    }
    for content, words in [
        (under("model.", PLAIN) | beside, "criterion, val_cm, projector"),
        (PLAIN | beside, "criterion, val_cm, projector"),
        ({"model": PLAIN, "loss": {"weight": torch.ones(3)}}, "loss"),
        (under("teacher.backbone.", PLAIN) | under("teacher.dino_head.", beside), "teacher.dino_head"),
        (
            PLAIN | {"decoder_blocks.0.norm1.weight": torch.ones(4), "mask_token": torch.ones(1, 1, 64)},
            "decoder_blocks",
        ),
        ({"model": OTHER, "model_ema": PLAIN}, "left aside: model"),
    ]:
        checkpoint = read(tmp_path, content)
        assert same(checkpoint.state, PLAIN), words
        assert len(checkpoint.notices) == 1
        assert words in checkpoint.notices[0]
    assert (
        read(
            tmp_path, {"model": PLAIN, "optimizer": {"a": torch.ones(3)}, "lr_scheduler": {"a": torch.ones(1)}}
        ).notices
        == ()
    )


def test_two_networks_of_the_same_rank_are_not_guessed(tmp_path: Path) -> None:
    for content, names in [
        (under("rgb.", PLAIN) | under("depth.", OTHER), "'rgb' and 'depth'"),
        ({"a": PLAIN, "b": OTHER}, "'a' and 'b'"),
        (
            {"state_dict": under("left.vit.", PLAIN) | under("right.vit.", OTHER)},
            "left.vit' and 'state_dict.right.vit'",
        ),
    ]:
        with pytest.raises(ModelError, match=f"holds 2 vision transformers, .*{names}.*: save the state_dict of one"):
            read(tmp_path, content)


@pytest.mark.parametrize("name", ["head", "fc", "classifier", "linear", "clf", "model.head", "cls_head.fc"])
def test_a_classifier_beside_the_backbone(tmp_path: Path, name: str) -> None:
    checkpoint = read(tmp_path, under("model.backbone.", BARE) | under(f"{name}.", LINEAR))
    assert torch.equal(checkpoint.state["head.weight"], LINEAR["weight"])
    assert checkpoint.looks is not None
    assert checkpoint.looks.classes == 7
    assert not checkpoint.problem
    network = tiny(num_classes=7)
    fit_weights(network, checkpoint.state, checkpoint.path)
    # The same numbers as the module that was saved: a linear layer on the features of the backbone.
    pixels = torch.randn(2, 3, 32, 32)
    expected = torch.nn.functional.linear(tiny(1, num_classes=0)(pixels), LINEAR["weight"], LINEAR["bias"])
    torch.testing.assert_close(network(pixels), expected)
    assert any("as the classifier" in notice for notice in checkpoint.notices)


def test_a_replaced_head_of_one_linear_layer(tmp_path: Path) -> None:
    for head in (torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(64, 3)), torch.nn.Linear(64, 3, bias=False)):
        network = tiny(1)
        network.head = head
        checkpoint = read(tmp_path, network.state_dict())
        assert checkpoint.state["head.weight"].shape == (3, 64)
        assert not checkpoint.problem


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (torch.nn.Sequential(torch.nn.Linear(64, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3)), r"Linear \+ Linear"),
        (torch.nn.Sequential(torch.nn.BatchNorm1d(64, affine=False), torch.nn.Linear(64, 3)), r"BatchNorm \+ Linear"),
        (torch.nn.Sequential(torch.nn.LayerNorm(64), torch.nn.Linear(64, 3)), r"a norm \+ Linear"),
        (torch.nn.Linear(128, 3), "reads 128 values, expected 64"),
    ],
)
def test_another_classifier_is_refused_by_name(tmp_path: Path, head: torch.nn.Module, words: str) -> None:
    network = tiny(1)
    network.head = head
    for content, name in [
        (network.state_dict(), "head"),
        (under("vit.", BARE) | under("fc.", head.state_dict()), "fc"),
        ({"state_dict": under("net.vit.", BARE) | under("net.classifier.", head.state_dict())}, "net.classifier"),
    ]:
        checkpoint = read(tmp_path, content)
        with pytest.raises(ModelError, match=rf"its classifier {name} .*{words}.*`num_classes=0`"):
            checkpoint.check_classifier()
        fit_weights(tiny(num_classes=0), checkpoint.state, checkpoint.path)  # what the advice says works


def test_two_classifiers_are_refused_by_name(tmp_path: Path) -> None:
    checkpoint = read(tmp_path, under("backbone.", PLAIN) | under("fc.", LINEAR))
    with pytest.raises(ModelError, match=r"holds 2 classifiers, backbone\.head and fc"):
        checkpoint.check_classifier()


def test_the_head_of_self_supervised_training_is_no_classifier(tmp_path: Path) -> None:
    heads: State = {"head.mlp.0.weight": torch.zeros(4, 64), "head.last_layer.weight_v": torch.zeros(4, 4)}
    for content in (
        {"teacher": under("backbone.", BARE) | heads, "student": under("module.backbone.", OTHER)},
        BARE | heads,
    ):
        checkpoint = read(tmp_path, content)
        assert same(checkpoint.state, BARE)
        assert "head" in checkpoint.notices[0]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("blocks.0.attn.qkv.lora_A.default.weight", "merge_and_unload"),
        ("base_model.model.blocks.0.attn.qkv.lora_B.weight", "merge_and_unload"),
        ("blocks.0.attn.qkv.ia3_l.default", "merge_and_unload"),
        ("blocks.0.mlp.fc1.SCB", "quantised"),
        ("blocks.0.mlp.fc1.weight.absmax", "quantised"),
        ("_fsdp_wrapped_module._flat_param", "FSDP"),
    ],
)
def test_forms_that_are_named(tmp_path: Path, extra: str, words: str) -> None:
    for content in ({**PLAIN, extra: torch.ones(3)}, {extra: torch.ones(3)}, {"state_dict": {extra: torch.ones(3)}}):
        with pytest.raises(ModelError, match=words):
            read(tmp_path, content)


def test_other_libraries_are_named(tmp_path: Path) -> None:
    layer = torch.zeros(192)
    for keys, library in [
        (
            ("vit.embeddings.patch_embeddings.projection.weight", "vit.encoder.layer.0.layernorm_before.weight"),
            "transformers",
        ),
        (("embeddings.patch_embeddings.projection.weight", "encoder.layer.0.norm1.weight"), "transformers"),
        (
            ("dinov2.embeddings.patch_embeddings.projection.weight", "dinov2.encoder.layer.0.norm1.weight"),
            "transformers",
        ),
        (("vision_model.embeddings.patch_embedding.weight", "vision_model.encoder.layers.0.q.weight"), "transformers"),
        (("conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"), "torchvision"),
        (("model.conv_proj.weight", "model.encoder.layers.encoder_layer_0.ln_1.weight"), "torchvision"),
        (("to_patch_embedding.1.weight", "transformer.layers.0.0.norm.weight"), "vit-pytorch"),
    ]:
        patches = torch.zeros(192, 3, 16, 16)
        if library == "vit-pytorch":
            patches = patches.flatten(1)
        torch.save({keys[0]: patches, keys[1]: layer}, tmp_path / "w.pth")
        with pytest.raises(
            ModelError, match=rf"weights of {library}'s vision transformer \(192 wide, 1 layers, .*16 x 16\)"
        ):
            refuse_other_library(read_checkpoint(tmp_path / "w.pth"))


def clip_tower(network: Any) -> State:
    """Return the network's weights in the names of OpenAI's and open_clip's towers."""
    names = {"patch_embed.proj": "conv1", "norm_pre": "ln_pre", "blocks.": "transformer.resblocks.", "norm1": "ln_1"}
    names |= {
        "norm2": "ln_2",
        "qkv.": "in_proj_",
        "attn.proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    tower: State = {}
    for key, value in network.state_dict().items():
        for new, old in names.items():
            key = key.replace(new, old)
        tower[key.replace("norm.", "ln_post.")] = value
    tower["class_embedding"] = tower.pop("cls_token")[0, 0]
    tower["positional_embedding"] = tower.pop("pos_embed")[0]
    tower["proj"] = tower.pop("head.weight").T.contiguous()
    return {key: value for key, value in tower.items() if not key.startswith("head.")}


def test_the_tower_of_clip_keeps_the_names_that_timm_converts(tmp_path: Path) -> None:
    network = build("vit_base_patch32_clip_224", img_size=64, num_classes=16)
    tower = clip_tower(network)
    text: State = {"logit_scale": torch.tensor(1.0), "text_projection": torch.zeros(3, 3)}
    for content in (under("visual.", tower) | text, under("module.visual.", tower) | text, tower):
        checkpoint = read(tmp_path, content)
        assert checkpoint.looks is not None
        looks = checkpoint.looks
        assert (looks.library, looks.width, looks.image_size, looks.classes) == ("open_clip", 64, (64, 64), 16)
        fitted = build("vit_base_patch32_clip_224", 1, img_size=64, num_classes=16)
        assert fit_weights(fitted, checkpoint.state, checkpoint.path) == ()
        pixels = torch.randn(1, 3, 64, 64)
        torch.testing.assert_close(fitted(pixels) + network.head.bias, network(pixels))


def test_the_tower_of_clip_is_an_embedding_with_its_projection_or_without(tmp_path: Path) -> None:
    network = build("vit_base_patch32_clip_224", img_size=64, num_classes=512)
    torch.save(clip_tower(network), tmp_path / "tower.pth")
    sizes = {"embed_dim": 64, "depth": 2, "num_heads": 4, "img_size": 64}
    config = {"architecture": "vit_base_patch32_clip_224", "model_args": sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for count, width in ((None, 512), (0, 64)):
        model = load_model(str(tmp_path), weights=tmp_path / "tower.pth", num_classes=count, device="cpu")
        assert (model.num_classes, model.activation) == (0, "none")
        assert model.network(torch.zeros(1, 3, 64, 64)).shape == (1, width)


def test_what_the_file_says_about_its_training(tmp_path: Path) -> None:
    content = {
        "state_dict": PLAIN,
        "arch": "vit_tiny_patch16_224",
        "args": Namespace(model="vit_small_patch16_224", img_size=384, mean=[0.5, 0.5, 0.5], std=None, crop_pct=0.9),
        "class_to_idx": {"ant": 0, "bee": 1},
    }
    checkpoint = read(tmp_path, content)
    settings = checkpoint.settings
    assert (settings.model, settings.image_size, settings.mean) == (
        "vit_small_patch16_224",
        (384, 384),
        (0.5, 0.5, 0.5),
    )
    assert (settings.std, settings.crop_pct) == (None, 0.9)
    assert checkpoint.label_table == {"ant": 0, "bee": 1}
    for odd in (
        Namespace(img_size=10**12, mean="abc", std=[0, 0, 0], crop_pct=-1, num_classes=-3, model="a\nb"),
        Namespace(img_size=[1, 2, 3, 4], mean=[float("nan")] * 3, std=[1, 1], crop_pct=True, model=3),
        {"img_size": {"a": 1}, "mean": [[0.5] * 3], "std": float("inf"), "interpolation": "odd"},
        ["a list"],
        None,
    ):
        settings = read(tmp_path, {"model": PLAIN, "config": odd}).settings
        assert settings == type(settings)()
    assert (
        read(tmp_path, {"model": PLAIN, "args": Namespace(global_pool=True, input_size=224)}).settings.pooling == "avg"
    )
    assert read(
        tmp_path, {"state_dict": PLAIN, "hyper_parameters": {"image_size": [224, 448]}}
    ).settings.image_size == (224, 448)


def test_a_file_of_a_classifier_alone(tmp_path: Path) -> None:
    checkpoint = read(tmp_path, {"state_dict": under("module.linear.", LINEAR)})
    assert checkpoint.looks is None
    with pytest.raises(ModelError, match="do not fit VisionTransformer"):
        fit_weights(tiny(), checkpoint.state, checkpoint.path)
