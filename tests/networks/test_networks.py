"""Prefix, grid and readout of each family, proved by gradients; what is not described is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError, UsageError
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise
from vitexplain.tokens import Readout, TokenGrid

SMALL = {"img_size": 64, "patch_size": 16, "num_classes": 5}
MODELS: dict[str, tuple[dict[str, Any], TokenGrid, Readout]] = {
    "vit_tiny_patch16_224": (SMALL, TokenGrid(1, 4, 4, True), "cls"),
    "deit_tiny_distilled_patch16_224": (SMALL, TokenGrid(2, 4, 4, True), "distilled"),
    "deit3_small_patch16_224": (SMALL, TokenGrid(1, 4, 4, True), "cls"),
    "vit_small_patch14_reg4_dinov2": (SMALL, TokenGrid(5, 4, 4, True), "cls"),
    "vit_base_patch16_siglip_224": (SMALL, TokenGrid(0, 4, 4, False), "pool"),
    "vit_base_patch16_siglip_gap_224": (SMALL, TokenGrid(0, 4, 4, False), "mean"),
    "vit_little_patch16_reg4_gap_256": (SMALL, TokenGrid(4, 4, 4, False), "mean"),
    "eva02_tiny_patch14_224": (SMALL, TokenGrid(1, 4, 4, True), "mean"),
    "vit_small_patch16_dinov3": (SMALL, TokenGrid(5, 4, 4, True), "mean"),
    "vit_so150m_patch16_reg4_map_256": (SMALL, TokenGrid(4, 4, 4, False), "pool"),
    "vit_pe_core_base_patch16_224": (SMALL, TokenGrid(1, 4, 4, True), "pool"),
    "beit_base_patch16_224": (SMALL, TokenGrid(1, 4, 4, True), "mean"),
    "vit_relpos_small_patch16_224": (SMALL, TokenGrid(0, 4, 4, False), "mean"),
    "vit_tiny_r_s16_p8_224": ({"img_size": 64, "num_classes": 5}, TokenGrid(1, 2, 2, True), "cls"),
}


@pytest.mark.parametrize("name", MODELS)
def test_levels_and_readout(name: str) -> None:
    options, expected, readout = MODELS[name]
    module = build(name, **options)
    network = recognise(module)
    levels = network.levels(64, 64)
    assert levels == (expected,) * 3
    assert network.readout == readout
    tokens, read = read_tokens(module, torch.randn(1, 3, 64, 64))
    assert tokens == expected.tokens
    assert read == expected_reads(expected, readout, getattr(module, "pool_include_prefix", True))


@pytest.mark.parametrize("name", MODELS)
def test_embedding_blocks_and_classifier_are_where_they_are_said_to_be(name: str) -> None:
    """The embedding's output has a vector a patch; what leaves the last block, classified, is the output."""
    module = build(name, **MODELS[name][0])
    network = recognise(module)
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: Any, _given: Any, output: torch.Tensor) -> None:
            outputs[name] = output

        return hook

    for part in (network.embedding, *network.blocks):
        module.get_submodule(part).register_forward_hook(keep(part))
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        logits = network(pixels)
        levels = network.levels(64, 64)
        assert outputs[network.embedding].flatten(1, -2).shape[1] == levels[0].patches
        for block, level in zip(network.blocks, levels[1:], strict=True):
            assert outputs[block].shape[1] == level.tokens
        torch.testing.assert_close(network.classify(outputs[network.blocks[-1]]), logits)
    assert logits.shape == (1, network.classes or logits.shape[1])


def test_parameters_above_a_layer_are_those_that_change_nothing_below() -> None:
    module = tiny()
    upper = recognise(module).parameters_above(2)
    assert {name.partition(".")[0] for name in upper} == {"blocks", "norm", "head"}
    assert all(name.startswith(("blocks.1.", "norm.", "head.")) for name in upper)
    assert len(upper) == sum(name.startswith(("blocks.1.", "norm.", "head.")) for name, _ in module.named_parameters())


def read_tokens(network: Any, pixels: torch.Tensor) -> tuple[int, set[int]]:
    """Return the number of tokens after the last block, and those that the logits depend on."""
    features = network.forward_features(pixels).detach().requires_grad_()
    network.forward_head(features).square().sum().backward()
    gradient = features.grad.abs().sum(dim=(0, 2))
    return features.shape[1], {int(token) for token in gradient.nonzero()[:, 0]}


def expected_reads(grid: TokenGrid, readout: Readout, prefix_in_pool: bool = True) -> set[int]:
    everything, patches = set(range(grid.tokens)), set(range(grid.prefix, grid.tokens))
    pool = everything if prefix_in_pool else patches
    return {"cls": {0}, "distilled": {0, 1}, "mean": patches, "mean-all": everything, "pool": pool}[readout]


def test_mean_weighs_all_its_tokens_alike() -> None:
    for options in ({"pool_include_prefix": True}, {"pool_include_prefix": False}):
        network = tiny(global_pool="avg", fc_norm=False, **options)
        grid, readout = recognise(network).levels(32, 32)[0], recognise(network).readout
        assert readout == ("mean-all" if options["pool_include_prefix"] else "mean")
        features = network.forward_features(torch.randn(1, 3, 32, 32)).detach().requires_grad_()
        network.forward_head(features).sum().backward()
        rows = features.grad[0, sorted(expected_reads(grid, readout))]
        assert torch.allclose(rows, rows[:1].expand_as(rows))
        assert read_tokens(network, torch.randn(1, 3, 32, 32))[1] == expected_reads(grid, readout)


def test_grid_follows_the_pixels_of_a_flexible_network() -> None:
    flexible = tiny(dynamic_img_size=True)
    assert recognise(flexible).pixels.flexible
    grid = recognise(flexible).levels(24, 48)[0]
    assert (grid.rows, grid.cols) == (3, 6)
    assert flexible.forward_features(torch.randn(1, 3, 24, 48)).shape[1] == grid.tokens
    with pytest.raises(UsageError, match="20 x 48: expected multiples of the patch, 8 x 8"):
        recognise(flexible).levels(20, 48)
    with pytest.raises(UsageError, match="24 x 48: this model takes 32 x 32 only"):
        recognise(tiny()).levels(24, 48)


@pytest.mark.parametrize("name", ["vit_tiny_r_s16_p8_224", "eva02_tiny_patch14_224", "vit_small_patch16_dinov3"])
def test_built_flexible_a_network_is_the_same_at_its_own_size(name: str) -> None:
    options = MODELS[name][0]
    pixels = torch.randn(1, 3, 64, 64)
    fixed, flexible = build(name, **options), build(name, dynamic_img_size=True, **options)
    flexible.load_state_dict(fixed.state_dict())
    torch.testing.assert_close(flexible(pixels), fixed(pixels))
    grid = recognise(flexible).levels(128, 64)[0]
    assert flexible.forward_features(torch.randn(1, 3, 128, 64)).shape[1] == grid.tokens


def test_a_rest_of_less_than_a_patch_is_left_out() -> None:
    network = tiny(img_size=30)
    grid = recognise(network).levels(30, 30)[0]
    assert (grid.rows, grid.cols) == (3, 3)
    assert network.forward_features(torch.randn(1, 3, 30, 30)).shape[1] == grid.tokens


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("resnet18", "convolutional network"),
        ("repvit_m0_9", "convolutional network"),
    ],
)
def test_other_networks_are_refused_with_the_reason(name: str, reason: str) -> None:
    with torch.device("meta"):
        network = import_timm().create_model(name)
    with pytest.raises(ModelError, match=rf"not supported, .*{reason}.*: use one of the plain"):
        recognise(network)


def test_other_pools_and_blocks_are_refused_with_the_reason() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"global_pool": "max"}, "pools by 'max'"),
        ({"global_pool": "avgmax"}, "pools by 'avgmax'"),
        ({"global_pool": ""}, "pools by 'none'"),
    ]
    for options, reason in refused:
        with pytest.raises(ModelError, match=reason):
            recognise(tiny(**options))
    with pytest.raises(ModelError, match=r"blocks \(ParallelThingsBlock\)"):
        recognise(build("vit_small_patch16_18x2_224", img_size=32))


def test_a_users_subclass_is_read_like_its_parent() -> None:
    network = tiny()
    network.__class__ = type("Mine", (type(network),), {"__module__": "mine"})
    assert recognise(network).levels(32, 32)[0] == TokenGrid(1, 4, 4)
    with pytest.raises(ModelError, match="model Linear: not supported"):
        recognise(torch.nn.Linear(2, 2))
