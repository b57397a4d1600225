"""transformers' vision transformers, as they are: adapters proved, both ways to attend seen, scores those of timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from tests.models.small import build
from tests.networks.adapter_checks import (
    check_attention,
    check_names,
    check_other_sizes,
    check_readout,
    check_rules,
    check_same_scores,
    scores_of,
)
from tests.networks.other_libraries import DEPTH, require, timm_wrapper, transformers_model
from vitexplain.errors import ModelError
from vitexplain.models import wrap_model
from vitexplain.networks import recognise
from vitexplain.tokens import Readout, TokenGrid

require("transformers", "transformers")
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

RELATIVE: dict[str, Any] = {"use_relative_position_bias": True}
# class, options, prefix tokens, class token, readout, outputs of a classifier
MODELS: dict[str, tuple[dict[str, Any], int, Readout, int]] = {
    "ViTModel": ({}, 1, "cls", 0),
    "ViTForImageClassification": ({}, 1, "cls", 5),
    "DeiTModel": ({}, 2, "cls", 0),
    "DeiTForImageClassification": ({}, 2, "cls", 5),
    "DeiTForImageClassificationWithTeacher": ({}, 2, "distilled", 5),
    "BeitModel": (RELATIVE, 1, "mean", 0),
    "BeitForImageClassification": ({**RELATIVE, "use_mean_pooling": False}, 1, "cls", 5),
    "Dinov2Model": ({}, 1, "cls", 0),
    "Dinov2ForImageClassification": ({}, 1, "cls-mean", 5),
    "Dinov2WithRegistersModel": ({}, 5, "cls", 0),
    "Dinov2WithRegistersForImageClassification": ({}, 5, "cls-mean", 5),
    "DINOv3ViTModel": ({"num_register_tokens": 4}, 5, "cls", 0),
    "CLIPVisionModel": ({}, 1, "cls", 0),
    "CLIPVisionModelWithProjection": ({}, 1, "cls", 0),
    "CLIPModel": ({}, 1, "cls", 0),
    "CLIPForImageClassification": ({}, 1, "mean", 5),
    "SiglipVisionModel": ({}, 0, "pool", 0),
    "SiglipModel": ({}, 0, "pool", 0),
    "SiglipForImageClassification": ({}, 0, "mean", 5),
    "Siglip2VisionModel": ({"num_patches": 16}, 0, "pool", 0),
    "Siglip2ForImageClassification": ({"num_patches": 16}, 0, "mean", 5),
}
FLEXIBLE = [name for name in MODELS if "Beit" not in name]


@pytest.mark.parametrize("name", MODELS)
def test_names_and_readout(name: str) -> None:
    options, prefix, readout, classes = MODELS[name]
    module = transformers_model(name, **options)
    check_names(module, TokenGrid(prefix, 4, 4, prefix > 0), readout, classes)
    if name not in ("CLIPModel", "SiglipModel"):  # the texts' tower has no part in the output
        check_readout(module)


@pytest.mark.parametrize("how", ["sdpa", "eager"])
@pytest.mark.parametrize("name", MODELS)
def test_attention_is_seen_either_way(name: str, how: str) -> None:
    module = transformers_model(name, how=how, **MODELS[name][0])
    assert module.config._attn_implementation == how
    check_attention(module)
    assert module.config._attn_implementation == how


@pytest.mark.parametrize("name", FLEXIBLE)
def test_other_sizes(name: str) -> None:
    check_other_sizes(transformers_model(name, **MODELS[name][0]))


def test_parameters_above_are_those_that_change_nothing_below() -> None:
    upper = recognise(transformers_model("ViTForImageClassification")).parameters_above(2)
    assert {".".join(name.split(".")[:3]) for name in upper if name.startswith("vit.layers")} == {"vit.layers.1"}
    assert "classifier.weight" in upper and "vit.layernorm.weight" in upper
    assert not any("embeddings" in name for name in upper)
    whole = recognise(transformers_model("CLIPModel")).parameters_above(1)
    assert "visual_projection.weight" in whole and not any("text" in name or "embeddings" in name for name in whole)


def test_attention_that_cannot_be_seen_is_refused_with_a_remedy_that_works() -> None:
    module = transformers_model("ViTForImageClassification")
    module.config._attn_implementation = "flex_attention"
    with pytest.raises(ModelError, match=r"runs as 'flex_attention'.*: call model.set_attn_implementation\('sdpa'\)"):
        wrap_model(module)
    module.set_attn_implementation("sdpa")
    check_attention(module)


def test_modules_that_nothing_reads_are_refused() -> None:
    with pytest.raises(ModelError, match="neither an attention pool nor a classifier"):
        recognise(transformers_model("SiglipVisionModel", vision_use_head=False))
    with pytest.raises(ModelError, match="4 channels instead of 3"):
        recognise(transformers_model("ViTForImageClassification", num_channels=4))


def test_names_of_classes_and_kind_of_problem() -> None:
    module = transformers_model("ViTForImageClassification")
    assert recognise(module).configuration["label_names"] is None
    module.config.id2label = dict(enumerate("abcde"))
    module.config.problem_type = "multi_label_classification"
    configuration = recognise(module).configuration
    assert configuration["problem_type"] == "multi_label_classification"
    labels = wrap_model(module).labels
    assert labels is not None and [labels.name(index) for index in range(5)] == list("abcde")


@pytest.mark.parametrize("name", ["TimmWrapperForImageClassification", "TimmWrapperModel"])
def test_timm_wrapper(name: str) -> None:
    module = timm_wrapper(name)
    classes = 5 if "Classification" in name else 0
    check_names(module, TokenGrid(1, 4, 4, True), "cls", classes)
    check_attention(module)
    if classes:
        check_same_scores(module, module.timm_model, ["rollout", "relevance", "legrad"])


def renamed(state: Mapping[str, torch.Tensor], depth: int, names: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Return weights of transformers by timm's names; q, k and v of a block become one."""
    given: dict[str, torch.Tensor] = {}
    for theirs, ours in names.items():
        if "{}" not in theirs:
            given[ours] = state[theirs]
        for layer in range(depth if "{}" in theirs else 0):
            given[ours.format(layer)] = state[theirs.format(layer)]
    return given


def joined(state: Mapping[str, torch.Tensor], layer: str, kind: str) -> torch.Tensor:
    """Return q, k and v of a layer as one tensor; a key without bias has one of 0."""
    if f"{layer}.attention.q_proj.{kind}" not in state:
        pytest.skip("this release of transformers has other names for these weights")
    parts = [state.get(f"{layer}.attention.{name}_proj.{kind}") for name in "qkv"]
    known = next(part for part in parts if part is not None)
    return torch.cat([torch.zeros_like(known) if part is None else part for part in parts])


BLOCK = {
    "layers.{}.layernorm_before": "blocks.{}.norm1",
    "layers.{}.layernorm_after": "blocks.{}.norm2",
    "layers.{}.attention.o_proj": "blocks.{}.attn.proj",
    "layers.{}.mlp.fc1": "blocks.{}.mlp.fc1",
    "layers.{}.mlp.fc2": "blocks.{}.mlp.fc2",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
}


def both(names: Mapping[str, str]) -> dict[str, str]:
    """Return names of modules as those of their weights and biases."""
    kinds = ("weight", "bias")
    return {f"{theirs}.{kind}": f"{ours}.{kind}" for theirs, ours in names.items() for kind in kinds}


SMALL: dict[str, Any] = {
    "img_size": 32,
    "patch_size": 8,
    "num_classes": 5,
    "embed_dim": 48,
    "num_heads": 3,
    "mlp_ratio": 64 / 48,
}


def test_scores_of_vit_equal_those_of_the_same_weights_in_timm() -> None:
    theirs = transformers_model("ViTForImageClassification", layer_norm_eps=1e-6)
    state = {key.removeprefix("vit."): value for key, value in theirs.state_dict().items()}
    names = both({**BLOCK, "layernorm": "norm", "classifier": "head"})
    names |= {"embeddings.cls_token": "cls_token", "embeddings.position_embeddings": "pos_embed"}
    ours = build("vit_tiny_patch16_224", **SMALL)
    given = renamed(state, DEPTH, names)
    for layer in range(DEPTH):
        for kind in ("weight", "bias"):
            given[f"blocks.{layer}.attn.qkv.{kind}"] = joined(state, f"layers.{layer}", kind)
    ours.load_state_dict(given)
    check_same_scores(theirs, ours)


def test_scores_of_dinov2_with_registers_equal_those_of_the_same_weights_in_timm() -> None:
    """timm has no classifier that reads both the class token and the patches: that of the class token is compared."""
    theirs = transformers_model("Dinov2WithRegistersForImageClassification")
    with torch.no_grad():
        theirs.classifier.weight[:, 48:] = 0
    state = {key.removeprefix("dinov2_with_registers."): value for key, value in theirs.state_dict().items()}
    state = {key.replace("encoder.layer.", "layers."): value for key, value in state.items()}
    layers = {key: value for key, value in BLOCK.items() if "norm" not in key}
    layers |= {"layers.{}.norm1": "blocks.{}.norm1", "layers.{}.norm2": "blocks.{}.norm2", "layernorm": "norm"}
    names = both(layers)
    names |= {f"layers.{{}}.layer_scale{n}.lambda1": f"blocks.{{}}.ls{n}.gamma" for n in (1, 2)}
    given = renamed(state, DEPTH, names)
    place = state["embeddings.position_embeddings"]
    given["cls_token"] = state["embeddings.cls_token"] + place[:, :1]
    given["pos_embed"], given["reg_token"] = place[:, 1:], state["embeddings.register_tokens"]
    given["head.weight"], given["head.bias"] = state["classifier.weight"][:, :48], state["classifier.bias"]
    for layer in range(DEPTH):
        for kind in ("weight", "bias"):
            given[f"blocks.{layer}.attn.qkv.{kind}"] = joined(state, f"layers.{layer}", kind)
    wide = state["layers.0.mlp.fc1.weight"].shape[0] / 48
    ours = build("vit_small_patch14_reg4_dinov2", **{**SMALL, "mlp_ratio": wide})
    ours.load_state_dict(given)
    same_source = ["raw:source=cls", "rollout:source=cls", "flow:source=cls", "rollout:fusion=gradient,source=cls"]
    check_same_scores(theirs, ours, [*same_source, "legrad", "attn-lrp", "input-gradient", "blank-out"])


def test_scores_of_beit_equal_those_of_the_same_weights_in_timm() -> None:
    theirs = transformers_model("BeitForImageClassification", layer_norm_eps=1e-6, **RELATIVE)
    state = {key.removeprefix("beit."): value for key, value in theirs.state_dict().items()}
    names = both({**BLOCK, "pooler.layernorm": "fc_norm", "classifier": "head"})
    names |= {"embeddings.cls_token": "cls_token"}
    names |= {f"layers.{{}}.lambda_{n}": f"blocks.{{}}.gamma_{n}" for n in (1, 2)}
    table = "relative_position_bias_table"
    names |= {f"layers.{{}}.relative_position_bias.{table}": f"blocks.{{}}.attn.{table}"}
    ours = build("beit_base_patch16_224", **SMALL)
    given = {**ours.state_dict(), **renamed(state, DEPTH, names)}
    for layer in range(DEPTH):
        given[f"blocks.{layer}.attn.qkv.weight"] = joined(state, f"layers.{layer}", "weight")
        for name, short in (("q_proj", "q_bias"), ("v_proj", "v_bias")):
            given[f"blocks.{layer}.attn.{short}"] = state[f"layers.{layer}.attention.{name}.bias"]
    ours.load_state_dict(given)
    check_same_scores(theirs, ours)


def test_the_classifier_of_dinov2_is_explained_by_what_it_reads() -> None:
    """The readout is half the class token and half the patches: rollout is the mean of both."""
    module = transformers_model("Dinov2ForImageClassification")
    read = torch.as_tensor(scores_of(module, "rollout"))
    by_class_token = torch.as_tensor(scores_of(module, "rollout:source=cls"))
    patches = [f"rollout:source=patch:{row},{col}" for row in range(4) for col in range(4)]
    by_patches = torch.stack([torch.as_tensor(scores_of(module, spec)) for spec in patches]).mean(0)
    torch.testing.assert_close(read, (by_class_token + by_patches) / 2, rtol=1e-5, atol=1e-7)


GATED: dict[str, dict[str, Any]] = {
    "CLIPVisionModelWithProjection": {"hidden_act": "quick_gelu"},
    "SiglipForImageClassification": {"hidden_act": "gelu_pytorch_tanh"},
    "DINOv3ViTModel": {"hidden_act": "silu", "use_gated_mlp": True},
    "Dinov2ForImageClassification": {"use_swiglu_ffn": True},
    "ViTForImageClassification": {"hidden_act": "gelu_new"},
}


@pytest.mark.parametrize("how", ["sdpa", "eager"])
@pytest.mark.parametrize("name", MODELS)
def test_relevance_rules(name: str, how: str) -> None:
    check_rules(transformers_model(name, how=how, **MODELS[name][0]))


@pytest.mark.parametrize("name", GATED)
def test_relevance_rules_of_gates(name: str) -> None:
    check_rules(transformers_model(name, **GATED[name]))
