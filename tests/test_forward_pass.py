"""ForwardPass over the families: logits unchanged, rows that sum to 1, the right shape, and the true readout."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitexplain.attention import Everywhere, Fusion, Levels, resolve_source
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.tokens import TokenGrid

MEAN, HEAD = Fusion(), Fusion(head=1)

# name, options that make a smaller sibling of the same class, expected prefix, grid and readout
FAMILIES: dict[str, tuple[dict[str, Any], int, tuple[int, int], str]] = {
    "vit_tiny_patch16_224": ({}, 1, (14, 14), "cls"),
    "deit_tiny_distilled_patch16_224": ({}, 2, (14, 14), "distilled"),
    "vit_small_patch14_reg4_dinov2": ({"img_size": 112}, 5, (8, 8), "cls"),
    "eva02_tiny_patch14_224": ({}, 1, (16, 16), "mean"),
    "beit_base_patch16_224": ({"embed_dim": 96, "num_heads": 3}, 1, (14, 14), "mean"),
    "vit_base_patch16_siglip_224": ({"embed_dim": 96, "num_heads": 3, "num_classes": 7}, 0, (14, 14), "pool"),
    "vit_so150m_patch16_reg4_map_256": ({"embed_dim": 96, "num_heads": 3, "num_classes": 7}, 4, (16, 16), "pool"),
    "vit_tiny_r_s16_p8_224": ({}, 1, (7, 7), "cls"),
    "vit_small_patch16_rope_224": ({"embed_dim": 96, "num_heads": 3}, 1, (14, 14), "cls"),
    "vit_relpos_small_patch16_224": ({"embed_dim": 96, "num_heads": 3}, 0, (14, 14), "mean"),
}
DEPTH = 4


@cache
def network_of(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = import_timm().create_model(name, depth=DEPTH, **{**FAMILIES[name][0], **options}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)  # some layers begin at zero: nothing would be tested
    return network


def pixels_for(network: Any) -> Tensor:
    height, width = network.patch_embed.img_size
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_layers_heads_prefix_and_grid(name: str) -> None:
    network = network_of(name)
    pixels = pixels_for(network)
    with torch.inference_mode():
        plain = network(pixels)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    loaded = wrap_model(network)
    run = ForwardPass(loaded, pixels, [MEAN, HEAD])
    assert (loaded.depth, loaded.network.heads) == (run.layers, run.heads), "known before it runs"
    torch.testing.assert_close(run.output, plain, rtol=1e-4, atol=1e-4)
    _, prefix, grid, readout = FAMILIES[name]
    found = run.grid
    assert (run.layers, found.prefix, (found.rows, found.cols)) == (DEPTH, prefix, grid)
    assert run.model.network.readout == readout
    blocks: Any = network.blocks
    assert run.heads == blocks[0].attn.num_heads
    for layer in range(1, DEPTH + 1):
        for fusion in (MEAN, HEAD):
            fused = run.fused(fusion, layer)
            assert fused.shape == (2, found.tokens, found.tokens)
            torch.testing.assert_close(fused.sum(-1), torch.ones(2, found.tokens))
    assert (run.pool is not None) == (readout == "pool")
    assert not any(parameter.grad is not None for parameter in network.parameters())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_readout_is_what_the_head_reads(name: str) -> None:
    """The logits' gradient at the last block's tokens is zero where the source has no weight, and only there."""
    network: Any = network_of(name)
    pixels = pixels_for(network)
    kept: list[Tensor] = []
    blocks: Any = network.blocks
    hook = blocks[-1].register_forward_hook(lambda _module, _args, output: kept.append(output))
    try:
        logits = network(pixels)
    finally:
        hook.remove()
    if isinstance(logits, tuple):
        logits = (logits[0] + logits[1]) / 2
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad((logits * weights).sum(), kept)
    run = ForwardPass(wrap_model(network), pixels, [MEAN])
    source = resolve_source("readout", run.grid, run.model.network.readout, run.pool)
    read = source.rows(run.fused(MEAN, DEPTH)[..., 0]) > 0
    assert torch.equal(gradient.norm(dim=-1) > 0, read)
    if run.model.network.readout == "mean":  # pooled before anything else, each patch with the same weight
        patches = gradient[:, run.grid.prefix :]
        torch.testing.assert_close(patches, patches[:, :1].expand_as(patches), rtol=1e-4, atol=1e-9)
    if run.model.network.readout == "pool":
        seen = run.grid.prefix if not network.pool_include_prefix else 0
        assert run.pool is not None
        torch.testing.assert_close(run.pool[:, seen:], pool_rows(network, kept[0].detach()[:, seen:]))
        assert not run.pool[:, :seen].any()


def pool_rows(network: Any, tokens: Tensor) -> Tensor:
    """Return what an attention pool reads of each token (B, N), by its own weights, written out."""
    pool = network.attn_pool
    batch, count, _ = tokens.shape
    keys = pool.kv(network.norm(tokens)).reshape(batch, count, 2, pool.num_heads, pool.head_dim)[:, :, 0]
    query = pool.q(pool.latent).reshape(pool.num_heads, pool.head_dim)
    scores = torch.einsum("hd,bnhd->bhn", query, keys) * pool.scale
    rows: Tensor = scores.softmax(-1).mean(1).detach()
    return rows


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "beit_base_patch16_224"])
def test_attention_written_out_gives_the_same(name: str) -> None:
    """A network whose attention is not fused is caught at softmax, with the same weights."""
    network = network_of(name)
    pixels = pixels_for(network)
    fused = ForwardPass(wrap_model(network), pixels, [MEAN])
    written_out = wrap_model(network)
    for module in written_out.network.module.modules():
        if hasattr(module, "fused_attn"):
            setattr(module, "fused_attn", False)  # noqa: B010 - for the type checker, modules have tensors only
    other = ForwardPass(written_out, pixels, [MEAN])
    for layer in range(1, DEPTH + 1):
        torch.testing.assert_close(other.fused(MEAN, layer), fused.fused(MEAN, layer))


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    network = network_of("vit_tiny_patch16_224")
    pixels = pixels_for(network)
    both = ForwardPass(wrap_model(network), pixels, [MEAN])
    turned = ForwardPass(wrap_model(network), pixels.flip(0), [MEAN])
    alone = ForwardPass(wrap_model(network), pixels[:1], [MEAN])
    for layer in range(1, DEPTH + 1):
        expected = both.fused(MEAN, layer)[0]
        torch.testing.assert_close(turned.fused(MEAN, layer)[1], expected, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(alone.fused(MEAN, layer)[0], expected, rtol=1e-5, atol=1e-7)


def test_layers_and_heads_out_of_range() -> None:
    network = network_of("vit_tiny_patch16_224")
    run = ForwardPass(wrap_model(network), pixels_for(network), [MEAN])
    with pytest.raises(UsageError, match="layers 2:5 do not exist: the model has layers 1 to 4"):
        run.layer_range((2, 5))
    with pytest.raises(UsageError, match="head 9 does not exist: the model has heads 0 to 2"):
        _ = ForwardPass(wrap_model(network), pixels_for(network), [Fusion(head=9)]).output


def test_attention_between_other_tokens_is_refused() -> None:
    network = network_of("vit_tiny_patch16_224")
    model = wrap_model(network)
    pixels = pixels_for(network)
    wrong = ForwardPass(model, pixels, [MEAN])
    fewer = TokenGrid(1, 13, 14)
    wrong._run.levels = Levels((fewer,) * (DEPTH + 1), (Everywhere(fewer.tokens, fewer.tokens),) * DEPTH)
    with pytest.raises(ModelError, match="attends from 197 to 197 tokens where its layers have 183 x 183"):
        _ = wrong.output


def test_a_network_without_attention_is_refused() -> None:
    network = network_of("vit_tiny_patch16_224")
    model = wrap_model(network)
    silent: Any = model.network.module
    silent.blocks = nn.Sequential()
    with pytest.raises(ModelError, match="made no attention call"):
        _ = ForwardPass(model, pixels_for(network), [MEAN]).output


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_siglip_224"])
def test_gradients_from_an_upper_layer_on_are_those_of_the_whole_pass(name: str) -> None:
    network = network_of(name)
    pixels = pixels_for(network)
    gradient = Fusion("gradient")
    whole, upper = (ForwardPass(wrap_model(network), pixels, gradients=first) for first in (1, 3))
    for layer in (3, 4):
        torch.testing.assert_close(upper.fused(gradient, layer), whole.fused(gradient, layer))
    assert upper.output.shape == whole.output.shape
    # A layer that was not said before costs another forward pass, and is right.
    torch.testing.assert_close(upper.fused(gradient, 2), whole.fused(gradient, 2))
    torch.testing.assert_close(upper.gradients.begin, whole.gradients.begin)
