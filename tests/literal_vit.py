"""A vision transformer written out, one image and one head at a time, from the weights of timm's: for comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vitexplain.models.timm_import import import_timm


def small_vit(seed: int = 0, **options: Any) -> nn.Module:
    """Return timm's ViT with 2 layers, 2 heads, a grid of 3 x 3 patches and 5 classes, in float64."""
    torch.manual_seed(seed)
    sizes = {"img_size": 12, "patch_size": 4, "embed_dim": 8, "depth": 2, "num_heads": 2, "num_classes": 5}
    network: nn.Module = import_timm().create_model("vit_tiny_patch16_224", **{**sizes, **options}).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return network


def small_pixels(batch: int = 2, side: int = 12) -> Tensor:
    """Return pixels (batch, 3, side, side) in float64."""
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@dataclass
class Steps:
    """What one image's forward pass went through, every tensor in the graph of gradients."""

    embeddings: Tensor = field(default_factory=lambda: torch.empty(0))
    attention: list[list[Tensor]] = field(default_factory=list)
    layer_logits: list[Tensor] = field(default_factory=list)
    pools: list[list[Tensor]] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))


def embed(network: Any, image: Tensor) -> Tensor:
    """Return the patch embeddings (P, C) of an image (3, H, W), one patch after the other."""
    convolution = network.patch_embed.proj
    side = convolution.kernel_size[0]
    rows, cols = image.shape[1] // side, image.shape[2] // side
    found = []
    for row in range(rows):
        for col in range(cols):
            patch = image[:, row * side : (row + 1) * side, col * side : (col + 1) * side]
            found.append((convolution.weight * patch).sum((1, 2, 3)) + convolution.bias)
    return torch.stack(found)


def norm(layer: Any, x: Tensor) -> Tensor:
    """Return the LayerNorm of tokens (N, C)."""
    if isinstance(layer, nn.Identity):
        return x
    centred = x - x.mean(-1, keepdim=True)
    result: Tensor = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + layer.eps) * layer.weight + layer.bias
    return result


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def pool(network: Any, x: Tensor, steps: Steps) -> Tensor:
    """Return what an attention pool reads of tokens (N, C); its weights (N,) go into the steps, head by head."""
    own: Any = network.attn_pool
    heads = []
    steps.pools.append([])
    for head in range(own.num_heads):
        part = slice(head * own.head_dim, (head + 1) * own.head_dim)
        q = own.q.weight[part] @ own.latent[0, 0] + own.q.bias[part]
        k, v = (
            x @ own.kv.weight.view(2, -1, x.size(1))[which, part].T + own.kv.bias.view(2, -1)[which, part]
            for which in range(2)
        )
        weights = torch.softmax(k @ q / math.sqrt(own.head_dim), 0)
        steps.pools[-1].append(weights)
        heads.append(weights @ v)
    y = own.proj.weight @ torch.cat(heads) + own.proj.bias
    hidden = gelu(own.mlp.fc1.weight @ norm(own.norm, y[None])[0] + own.mlp.fc1.bias)
    result: Tensor = y + own.mlp.fc2.weight @ hidden + own.mlp.fc2.bias
    return result


def read_out(network: Any, x: Tensor, steps: Steps) -> Tensor:
    """Return the logits read off tokens (N, C), by class token, mean of the patches or attention pool."""
    x = norm(network.norm, x)
    if network.attn_pool is not None:
        x = pool(network, x, steps)
    else:
        x = x[0] if network.global_pool == "token" else x[network.num_prefix_tokens :].mean(0)
    return network.head.weight @ norm(network.fc_norm, x[None])[0] + network.head.bias  # type: ignore[no-any-return]


def run(network: Any, embeddings: Tensor, kept: Tensor | None = None) -> Steps:
    """Return the steps of one image from its patch embeddings (P, C) on; tokens with `kept` (N,) False do not exist."""
    steps = Steps(embeddings.detach().requires_grad_())
    x = steps.embeddings
    if network.cls_token is not None:
        x = torch.cat((network.cls_token[0], x))
    x = x + network.pos_embed[0]
    if kept is not None:
        x = x[kept]
    for block in network.blocks:
        normed = norm(block.norm1, x)
        attention, heads = block.attn, []
        steps.attention.append([])
        channels = attention.head_dim
        for head in range(attention.num_heads):
            own = slice(head * channels, (head + 1) * channels)
            q, k, v = (
                normed @ attention.qkv.weight.view(3, -1, normed.size(1))[part, own].T
                + attention.qkv.bias.view(3, -1)[part, own]
                for part in range(3)
            )
            weights = torch.softmax(q @ k.T / math.sqrt(channels), -1)
            steps.attention[-1].append(weights)
            heads.append(weights @ v)
        x = x + torch.cat(heads, 1) @ attention.proj.weight.T + attention.proj.bias
        hidden = gelu(norm(block.norm2, x) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias)
        x = x + hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
        steps.layer_logits.append(read_out(network, x, steps))
    steps.logits = steps.layer_logits[-1]
    return steps
