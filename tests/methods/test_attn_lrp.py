"""AttnLRP against relevance handed back literally, rule by rule, and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.literal_vit import embed, gelu, norm, small_pixels, small_vit
from vitexplain.capture import RelevanceRules
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.methods.attn_lrp import AttnLrp
from vitexplain.models import wrap_model


def through_linear(x: Tensor, layer: Any, relevance: Tensor) -> Tensor:
    """R_i = sum_j x_i w_ji / z_j R_j, z_j with its bias (equation 8)."""
    z = x @ layer.weight.T + layer.bias
    result: Tensor = x * ((relevance / z) @ layer.weight)
    return result


def through_norm(x: Tensor, layer: Any, relevance: Tensor) -> Tensor:
    """The centring is linear: R_i = x_i sum_j (delta_ij - 1/C) w_j / std / y_j R_j; scaling hands over all."""
    y = norm(layer, x)
    std = torch.sqrt(((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True) + layer.eps)
    channels = x.size(1)
    centring = torch.eye(channels, dtype=x.dtype) - 1 / channels
    result = torch.zeros_like(x)
    for token in range(len(x)):
        for i in range(channels):
            parts = centring[i] * layer.weight / std[token] / y[token] * relevance[token]
            result[token, i] = x[token, i] * parts.sum()
    return result


def through_product(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """O = a b: R_a[j, i] = sum_p a[j, i] b[i, p] R[j, p] / (2 O[j, p]), and the same for b (proposition 3.3)."""
    share = relevance / (2 * (a @ b))
    return a * (share @ b.T), b * (a.T @ share)


def through_softmax(x: Tensor, relevance: Tensor) -> Tensor:
    """R_i = x_i (R_i - s_i sum_j R_j) (proposition 3.1)."""
    return x * (relevance - x.softmax(-1) * relevance.sum(-1, keepdim=True))


def through_attention(normed: Tensor, attention: Any, relevance: Tensor) -> Tensor:
    """Relevance of the tokens that enter an attention, from that of what leaves its heads (N, C)."""
    channels, heads = attention.head_dim, attention.num_heads
    weight, bias = attention.qkv.weight.view(3, heads, channels, -1), attention.qkv.bias.view(3, heads, channels)
    total = torch.zeros_like(normed)
    for head in range(heads):
        q, k, v = (normed @ weight[part, head].T + bias[part, head] for part in range(3))
        scores = q @ k.T / math.sqrt(channels)
        of_weights, of_v = through_product(scores.softmax(-1), v, relevance[:, head * channels : (head + 1) * channels])
        of_q, of_k = through_product(q, k.T, through_softmax(scores, of_weights))
        for part, found in enumerate((of_q, of_k.T, of_v)):
            z = normed @ weight[part, head].T + bias[part, head]
            total += normed * ((found / z) @ weight[part, head])
    return total


def attend(normed: Tensor, attention: Any) -> Tensor:
    channels, heads = attention.head_dim, attention.num_heads
    weight, bias = attention.qkv.weight.view(3, heads, channels, -1), attention.qkv.bias.view(3, heads, channels)
    joined = []
    for head in range(heads):
        q, k, v = (normed @ weight[part, head].T + bias[part, head] for part in range(3))
        joined.append((q @ k.T / math.sqrt(channels)).softmax(-1) @ v)
    return torch.cat(joined, 1)


def through_sum(a: Tensor, b: Tensor, relevance: Tensor, gamma: float = 0.0) -> tuple[Tensor, Tensor]:
    """R_a = w(a) a / (w(a) a + w(b) b) R, and the same for b; w(z) = 1, and 1 + gamma where z has the sum's sign."""
    of_a, of_b = a.clone(), b.clone()
    for place in range(a.numel()):
        for part in (of_a, of_b):
            if part.view(-1)[place] * (a + b).view(-1)[place] > 0:
                part.view(-1)[place] *= 1 + gamma
    share = relevance / (of_a + of_b)
    return of_a * share, of_b * share


def literal_relevance(network: Any, image: Tensor, target: int) -> Tensor:
    """Relevance of the tokens that enter the first block: the share of it that belongs to the patch embedding."""
    embeddings = embed(network, image)
    tokens = torch.cat((network.cls_token[0], embeddings)) + network.pos_embed[0]
    entering = relevance_by_block(network, image, target)[0]
    result: Tensor = (embeddings * (entering / tokens)[1:]).sum(1)
    return result


def relevance_by_block(network: Any, image: Tensor, target: int, gamma: float = 0.0) -> list[Tensor]:
    """Relevance (N, C) of every token that enters each block, from the first on."""
    embeddings = embed(network, image)
    x = torch.cat((network.cls_token[0], embeddings)) + network.pos_embed[0]
    entered = []
    for block in network.blocks:
        joined = attend(norm(block.norm1, x), block.attn)
        between = x + joined @ block.attn.proj.weight.T + block.attn.proj.bias
        inner = norm(block.norm2, between) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias
        entered.append((x, joined, between, inner))
        x = between + gelu(inner) @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
    read = norm(network.norm, x)[:1]
    logits = read @ network.head.weight.T + network.head.bias
    chosen = torch.zeros_like(logits)
    chosen[0, target] = logits[0, target]
    of_read = through_linear(read, network.head, chosen)
    relevance = torch.zeros_like(x)
    relevance[:1] = through_norm(x[:1], network.norm, of_read)
    found = []
    for block, (x, joined, between, inner) in zip(reversed(network.blocks), reversed(entered), strict=True):
        left = gelu(inner) @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
        direct, of_left = through_sum(between, left, relevance, gamma)
        of_inner = through_linear(gelu(inner), block.mlp.fc2, of_left)  # GELU hands over all (equation 9)
        of_normed = through_linear(norm(block.norm2, between), block.mlp.fc1, of_inner)
        of_between = direct + through_norm(between, block.norm2, of_normed)
        left = joined @ block.attn.proj.weight.T + block.attn.proj.bias
        direct, of_left = through_sum(x, left, of_between, gamma)
        of_joined = through_linear(joined, block.attn.proj, of_left)
        of_normed = through_attention(norm(block.norm1, x), block.attn, of_joined)
        relevance = direct + through_norm(x, block.norm1, of_normed)
        found.append(relevance)
    return found[::-1]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_equals_relevance_handed_back_literally(depth: int) -> None:
    network = small_vit(depth=depth)
    targets = torch.tensor([3, 1])
    found = AttnLrp()(ForwardPass(wrap_model(network), small_pixels()).for_target(targets)).values
    with torch.no_grad():
        for image, target, scores in zip(small_pixels(), targets.tolist(), found, strict=True):
            expected = literal_relevance(network, image, target).numpy()
            np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("layers", [(1, 1), (1, 3), (2, 3), (3, 3)])
@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0])
def test_the_sum_over_layers_equals_relevance_handed_back_literally(layers: tuple[int, int], gamma: float) -> None:
    network = small_vit(depth=3)
    targets = torch.tensor([3, 1])
    run = ForwardPass(wrap_model(network), small_pixels()).for_target(targets)
    found = AttnLrp(layers=layers, residual=gamma)(run)
    assert (found.layers, found.signed) == (layers, True)
    with torch.no_grad():
        for image, target, scores in zip(small_pixels(), targets.tolist(), found.values, strict=True):
            by_block = relevance_by_block(network, image, target, gamma)[layers[0] - 1 : layers[1]]
            expected = sum(relevance[1:].sum(1) for relevance in by_block).numpy()  # type: ignore[union-attr]
            np.testing.assert_allclose(scores, expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())


class TwoLayers(nn.Module):
    """y = w2 . gelu(W1 x), without biases: each step hands over all that it got."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
        self.second = torch.tensor([[2.0, -1.0]], dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(functional.gelu(functional.linear(x, self.first)), self.second)


def test_two_layers_by_hand() -> None:
    """z = W1 (1, 2) = (5, 1); R_z = (2 gelu(5), -gelu(1)); R_x1 = R_z1 1/5 + R_z2 3/1, R_x2 = R_z1 4/5 - R_z2 2/1."""
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    with RelevanceRules("test"):
        y = TwoLayers()(x)
    relevance = (x * torch.autograd.grad(y.sum(), x)[0])[0].tolist()
    first, second = 2 * 5 * 0.5 * (1 + math.erf(5 / math.sqrt(2))), -0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert relevance == pytest.approx([first / 5 + 3 * second, first * 4 / 5 - 2 * second])
    assert sum(relevance) == pytest.approx(float(y.detach()))


def test_each_rule_keeps_the_relevance() -> None:
    """Without biases the relevance of the inputs adds up to that of the output."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    x, weight = drawn(4, 6), drawn(5, 6).detach()
    q, k = drawn(1, 1, 4, 6), drawn(1, 1, 4, 6)
    steps: dict[str, tuple[Any, tuple[Tensor, ...]]] = {
        "linear": (lambda: functional.linear(x, weight), (x,)),
        "norm": (lambda: functional.layer_norm(x, (6,)), (x,)),
        "gelu": (lambda: functional.gelu(x), (x,)),
        "sum": (lambda: x + x[:, :1].expand(-1, 6), (x,)),
        "matrix product": (lambda: q @ k.transpose(-2, -1), (q, k)),
        "product": (lambda: q * k, (q, k)),
    }
    for name, (compute, inputs) in steps.items():
        with RelevanceRules("test"):
            output = compute()
        upstream = torch.rand(output.shape, generator=generator, dtype=torch.float64)
        gradients = torch.autograd.grad(output, inputs, upstream)
        total = sum(float((value.detach() * gradient).sum()) for value, gradient in zip(inputs, gradients, strict=True))
        assert total == pytest.approx(float((output.detach() * upstream).sum())), name


def test_values_stay_what_they_were_and_written_out_attention_is_the_same() -> None:
    network: Any = small_vit()
    run = ForwardPass(wrap_model(network), small_pixels())
    found = AttnLrp()(run).values
    with torch.no_grad():
        plain = network(small_pixels())
    with RelevanceRules("test"):
        torch.testing.assert_close(network(small_pixels().requires_grad_()), plain)
    written_out = wrap_model(network)
    for module in written_out.network.module.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]
    np.testing.assert_allclose(AttnLrp()(ForwardPass(written_out, small_pixels())).values, found, rtol=1e-6)


@pytest.mark.parametrize(("activation", "named"), [(nn.Sigmoid, "sigmoid"), (nn.Mish, "mish")])
@pytest.mark.parametrize("spec", ["attn-lrp", "libra"])
def test_a_function_without_a_rule_is_refused(activation: type[nn.Module], named: str, spec: str) -> None:
    """A sigmoid is a gate, held constant: as an activation it would end the path in silence."""
    network: Any = small_vit()
    network.blocks[1].mlp.act = activation()
    with pytest.raises(ModelError, match=f"{spec} has no rule for '{named}'.*it explains ViTs of") as caught:
        parse_spec(spec)(ForwardPass(wrap_model(network), small_pixels()))
    assert caught.value.exit_code == 4
