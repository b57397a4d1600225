"""Prefix, grid and readout of each family, proved by gradients; what is not described is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError, UsageError
from vitexplain.models.layouts import check_supported, layout_of, pixels_of
from vitexplain.models.timm_import import import_timm
from vitexplain.tokens import TokenLayout

SMALL = {"img_size": 64, "patch_size": 16, "num_classes": 5}
MODELS: dict[str, tuple[dict[str, Any], TokenLayout]] = {
    "vit_tiny_patch16_224": (SMALL, TokenLayout(1, 4, 4, "cls", True)),
    "deit_tiny_distilled_patch16_224": (SMALL, TokenLayout(2, 4, 4, "distilled", True)),
    "deit3_small_patch16_224": (SMALL, TokenLayout(1, 4, 4, "cls", True)),
    "vit_small_patch14_reg4_dinov2": (SMALL, TokenLayout(5, 4, 4, "cls", True)),
    "vit_base_patch16_siglip_224": (SMALL, TokenLayout(0, 4, 4, "pool", False)),
    "vit_base_patch16_siglip_gap_224": (SMALL, TokenLayout(0, 4, 4, "mean", False)),
    "vit_little_patch16_reg4_gap_256": (SMALL, TokenLayout(4, 4, 4, "mean", False)),
    "eva02_tiny_patch14_224": (SMALL, TokenLayout(1, 4, 4, "mean", True)),
    "vit_small_patch16_dinov3": (SMALL, TokenLayout(5, 4, 4, "mean", True)),
    "vit_so150m_patch16_reg4_map_256": (SMALL, TokenLayout(4, 4, 4, "pool", False)),
    "vit_pe_core_base_patch16_224": (SMALL, TokenLayout(1, 4, 4, "pool", True)),
    "beit_base_patch16_224": (SMALL, TokenLayout(1, 4, 4, "mean", True)),
    "vit_relpos_small_patch16_224": (SMALL, TokenLayout(0, 4, 4, "mean", False)),
    "vit_tiny_r_s16_p8_224": ({"img_size": 64, "num_classes": 5}, TokenLayout(1, 2, 2, "cls", True)),
}


@pytest.mark.parametrize("name", MODELS)
def test_layout_and_readout(name: str) -> None:
    options, expected = MODELS[name]
    network = build(name, **options)
    check_supported(network)
    layout = layout_of(network, 64, 64)
    assert layout == expected
    tokens, read = read_tokens(network, torch.randn(1, 3, 64, 64))
    assert tokens == layout.tokens
    assert read == expected_reads(layout, getattr(network, "pool_include_prefix", True))


def read_tokens(network: Any, pixels: torch.Tensor) -> tuple[int, set[int]]:
    """Return the number of tokens after the last block, and those that the logits depend on."""
    features = network.forward_features(pixels).detach().requires_grad_()
    network.forward_head(features).square().sum().backward()
    gradient = features.grad.abs().sum(dim=(0, 2))
    return features.shape[1], {int(token) for token in gradient.nonzero()[:, 0]}


def expected_reads(layout: TokenLayout, prefix_in_pool: bool = True) -> set[int]:
    everything, patches = set(range(layout.tokens)), set(range(layout.prefix, layout.tokens))
    pool = everything if prefix_in_pool else patches
    return {"cls": {0}, "distilled": {0, 1}, "mean": patches, "mean-all": everything, "pool": pool}[layout.readout]


def test_mean_weighs_all_its_tokens_alike() -> None:
    for options in ({"pool_include_prefix": True}, {"pool_include_prefix": False}):
        network = tiny(global_pool="avg", fc_norm=False, **options)
        layout = layout_of(network, 32, 32)
        assert layout.readout == ("mean-all" if options["pool_include_prefix"] else "mean")
        features = network.forward_features(torch.randn(1, 3, 32, 32)).detach().requires_grad_()
        network.forward_head(features).sum().backward()
        rows = features.grad[0, sorted(expected_reads(layout))]
        assert torch.allclose(rows, rows[:1].expand_as(rows))
        assert read_tokens(network, torch.randn(1, 3, 32, 32))[1] == expected_reads(layout)


def test_grid_follows_the_pixels_of_a_flexible_network() -> None:
    flexible = tiny(dynamic_img_size=True)
    assert pixels_of(flexible).flexible
    layout = layout_of(flexible, 24, 48)
    assert (layout.rows, layout.cols) == (3, 6)
    assert flexible.forward_features(torch.randn(1, 3, 24, 48)).shape[1] == layout.tokens
    with pytest.raises(UsageError, match="20 x 48: expected multiples of the patch, 8 x 8"):
        layout_of(flexible, 20, 48)
    with pytest.raises(UsageError, match="24 x 48: this model takes 32 x 32 only"):
        layout_of(tiny(), 24, 48)


@pytest.mark.parametrize("name", ["vit_tiny_r_s16_p8_224", "eva02_tiny_patch14_224", "vit_small_patch16_dinov3"])
def test_built_flexible_a_network_is_the_same_at_its_own_size(name: str) -> None:
    options = MODELS[name][0]
    pixels = torch.randn(1, 3, 64, 64)
    fixed, flexible = build(name, **options), build(name, dynamic_img_size=True, **options)
    flexible.load_state_dict(fixed.state_dict())
    torch.testing.assert_close(flexible(pixels), fixed(pixels))
    layout = layout_of(flexible, 128, 64)
    assert flexible.forward_features(torch.randn(1, 3, 128, 64)).shape[1] == layout.tokens


def test_a_rest_of_less_than_a_patch_is_left_out() -> None:
    network = tiny(img_size=30)
    layout = layout_of(network, 30, 30)
    assert (layout.rows, layout.cols) == (3, 3)
    assert network.forward_features(torch.randn(1, 3, 30, 30)).shape[1] == layout.tokens


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("swin_tiny_patch4_window7_224", "within windows"),
        ("pit_ti_224", "merged between stages"),
        ("xcit_nano_12_p8_224", "between channels"),
        ("cait_xxs24_224", "class token enters in the last layers"),
        ("convit_tiny", "gated mixture"),
        ("levit_128s", "merged between stages"),
        ("resnet18", "does not describe"),
    ],
)
def test_other_networks_are_refused_with_the_reason(name: str, reason: str) -> None:
    with torch.device("meta"):
        network = import_timm().create_model(name)
    with pytest.raises(ModelError, match=rf"not supported, .*{reason}.*: use one of the plain"):
        check_supported(network)


def test_other_pools_and_blocks_are_refused_with_the_reason() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"global_pool": "max"}, "pools by 'max'"),
        ({"global_pool": "avgmax"}, "pools by 'avgmax'"),
        ({"global_pool": ""}, "pools by 'none'"),
    ]
    for options, reason in refused:
        with pytest.raises(ModelError, match=reason):
            check_supported(tiny(**options))
    with pytest.raises(ModelError, match=r"blocks \(ParallelThingsBlock\)"):
        check_supported(build("vit_small_patch16_18x2_224", img_size=32))


def test_a_users_subclass_is_read_like_its_parent() -> None:
    network = tiny()
    network.__class__ = type("Mine", (type(network),), {"__module__": "mine"})
    assert layout_of(network, 32, 32) == TokenLayout(1, 4, 4, "cls", True)
    with pytest.raises(ModelError, match="model Linear: not supported"):
        check_supported(torch.nn.Linear(2, 2))
