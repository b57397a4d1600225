"""The rate of each weight, over depth and over the run."""

from __future__ import annotations

import pytest

from tests.builtin_model.training.recipe import Recipe
from tests.builtin_model.training.schedule import depth_of, rate_factor, weight_groups
from tests.builtin_model.training.start import make_start


def test_the_rate_rises_and_falls() -> None:
    assert rate_factor(0.0, 0.1) == 0.0
    assert rate_factor(0.05, 0.1) == pytest.approx(0.5)
    assert rate_factor(0.1, 0.1) == pytest.approx(1.0)
    assert rate_factor(0.55, 0.1) == pytest.approx(0.5)
    assert rate_factor(1.0, 0.1) == pytest.approx(0.0)
    assert rate_factor(1.5, 0.1) == pytest.approx(0.0)


def test_depth_counts_from_the_image() -> None:
    assert [depth_of(name, 12) for name in ("cls_token", "pos_embed", "patch_embed.proj.weight")] == [0, 0, 0]
    assert [depth_of(f"blocks.{block}.attn.qkv.weight", 12) for block in (0, 11)] == [1, 12]
    assert [depth_of(name, 12) for name in ("norm.weight", "head.bias")] == [13, 13]


def test_every_weight_is_in_one_group_and_only_matrices_decay() -> None:
    recipe = Recipe()
    start = make_start("test_vit", recipe, pretrained=False)
    groups = weight_groups(start.network, start.layers, recipe)
    members = [parameter for group in groups for parameter in group["params"]]
    assert len(members) == len({id(member) for member in members}) == len(list(start.network.parameters()))
    names = {id(parameter): name for name, parameter in start.network.named_parameters()}
    decay = {names[id(member)]: group["weight_decay"] for group in groups for member in group["params"]}
    assert decay["patch_embed.proj.weight"] == decay["head.weight"] == 0.05
    assert decay["cls_token"] == decay["pos_embed"] == decay["head.bias"] == decay["norm.weight"] == 0.0
    scales = {names[id(member)]: group["scale"] for group in groups for member in group["params"]}
    assert scales["head.weight"] == 1.0
    assert scales["blocks.0.attn.qkv.weight"] == pytest.approx(0.8**start.layers)
