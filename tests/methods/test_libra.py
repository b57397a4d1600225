"""Libra against a transformer whose constants are written out, and what it shares with AttnLRP: sums over blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.literal_vit import embed, small_pixels, small_vit
from tests.models.small import build
from tests.networks.adapter_checks import check_rules
from tests.test_forward_pass import FAMILIES, network_of, pixels_for
from vitexplain.attention import Fusion
from vitexplain.capture import ATTN_LRP, LIBRA
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec, scores_by_layer
from vitexplain.methods.attn_lrp import no_rule
from vitexplain.methods.libra import Libra
from vitexplain.models import wrap_model


def norm(layer: Any, x: Tensor) -> Tensor:
    """LayerNorm divided by a deviation that is a number."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = torch.sqrt((centred**2).mean(-1, keepdim=True) + layer.eps).detach()
    result: Tensor = centred / deviation * layer.weight + layer.bias
    return result


def gelu(x: Tensor) -> Tensor:
    """x times a gate Phi(x) that is a number."""
    return x * (0.5 * (1 + torch.erf(x / math.sqrt(2)))).detach()


def attend(x: Tensor, attention: Any, seen: list[Tensor]) -> Tensor:
    """Each head's values, weighed by numbers, which are added to those `seen`."""
    channels, heads = attention.head_dim, attention.num_heads
    weight, bias = attention.qkv.weight.view(3, heads, channels, -1), attention.qkv.bias.view(3, heads, channels)
    joined = []
    for head in range(heads):
        q, k, v = (x @ weight[part, head].T + bias[part, head] for part in range(3))
        seen.append((q @ k.T / math.sqrt(channels)).softmax(-1).detach().requires_grad_())
        joined.append(seen[-1] @ v)
    result: Tensor = torch.cat(joined, 1) @ attention.proj.weight.T + attention.proj.bias
    return result


def literal_logit(network: Any, image: Tensor, target: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The logit of an image, the tokens (N, C) that enter each block, and the weights (N, N) of each layer's heads."""
    x = torch.cat((network.cls_token[0], embed(network, image))) + network.pos_embed[0]
    entering: list[Tensor] = []
    seen: list[Tensor] = []
    for block in network.blocks:
        x = x.detach().requires_grad_() if not entering else x
        entering.append(x)
        x = x + attend(norm(block.norm1, x), block.attn, seen)
        hidden = gelu(norm(block.norm2, x) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias)
        x = x + hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
    logit = (norm(network.norm, x)[0] @ network.head.weight.T + network.head.bias)[target]
    return logit, entering, seen


def literal_by_block(network: Any, image: Tensor, target: int) -> list[Tensor]:
    """Token times gradient (N,) at the input of each block."""
    logit, entering, _ = literal_logit(network, image, target)
    gradients = torch.autograd.grad(logit, entering)
    return [(tokens.detach() * gradient).sum(1) for tokens, gradient in zip(entering, gradients, strict=True)]


@pytest.mark.parametrize("layers", [None, (1, 1), (2, 3), (3, 3)])
def test_equals_a_transformer_with_constants_written_out(layers: tuple[int, int] | None) -> None:
    network = small_vit(depth=3)
    targets = torch.tensor([3, 1])
    found = Libra(layers=layers)(ForwardPass(wrap_model(network), small_pixels()).for_target(targets))
    first, last = layers or (1, 3)
    assert (found.layers, found.signed) == ((first, last), True)
    for image, target, scores in zip(small_pixels(), targets.tolist(), found.values, strict=True):
        by_block = literal_by_block(network, image, target)[first - 1 : last]
        expected = torch.stack(by_block).sum(0)[1:].numpy()
        np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())


def literal_fused(network: Any, image: Tensor, target: int) -> list[Tensor]:
    """The mean over heads of relu(A * dy/dA) of every layer, (N, N)."""
    logit, _, seen = literal_logit(network, image, target)
    gradients = torch.autograd.grad(logit, seen)
    products = [(weights.detach() * each).clamp(min=0) for weights, each in zip(seen, gradients, strict=True)]
    heads = network.blocks[0].attn.num_heads
    return [sum(products[start : start + heads]) / heads for start in range(0, len(products), heads)]


@pytest.mark.parametrize("fused_attention", [True, False])
def test_attention_gradients_by_its_rules(fused_attention: bool) -> None:
    """rules=libra of relevance and of rollout and flow by gradient; plain gradients beside them stay what they are."""
    network: Any = small_vit(depth=3)
    targets = torch.tensor([3, 1])
    fusion = Fusion("gradient", rules="libra")
    expected = [literal_fused(network, *each) for each in zip(small_pixels(), targets.tolist(), strict=True)]
    plain = parse_spec("relevance")(ForwardPass(wrap_model(network), small_pixels()).for_target(targets)).values
    for block in network.blocks:
        block.attn.fused_attn = fused_attention
    run = ForwardPass(wrap_model(network), small_pixels(), [fusion], gradients=1).for_target(targets)
    for layer in (1, 2, 3):
        torch.testing.assert_close(run.fused(fusion, layer), torch.stack([image[layer - 1] for image in expected]))
    relevance = parse_spec("relevance:rules=libra")(run).values
    rollout = parse_spec("rollout:fusion=gradient,rules=libra,layers=2:3")(run).values
    for image, layers in enumerate(expected):
        total = torch.eye(10, dtype=torch.float64)
        for fused in layers:
            total = total + fused @ total
        np.testing.assert_allclose(relevance[image], total[0, 1:].numpy(), rtol=1e-6)
        row = torch.eye(10, dtype=torch.float64)[:1]
        for fused in (layers[2], layers[1]):
            mixed = fused / fused.sum(1).max() / 2 + torch.eye(10, dtype=torch.float64) / 2
            row = row @ (mixed / mixed.sum(1, keepdim=True))
        np.testing.assert_allclose(rollout[image], row[0, 1:].numpy(), rtol=1e-6)
    np.testing.assert_allclose(parse_spec("relevance")(run).values, plain, rtol=1e-9)
    assert not np.allclose(relevance, plain, rtol=1e-2)


def test_attention_gradients_through_a_classifier_that_ends_in_a_softmax() -> None:
    """The probability's gradients are those of the logits, by the chain rule."""
    network: Any = small_vit(depth=2)
    fusion = Fusion("gradient", rules="libra")
    network.head = nn.Sequential(network.head, nn.Softmax(-1))
    run = ForwardPass(wrap_model(network), small_pixels(), [fusion], gradients=1).for_target(torch.tensor([3, 1]))
    shares = run.output.double()
    found = parse_spec("relevance:rules=libra")(run).values
    assert (found > 0).any(1).all()
    network.head = network.head[0]
    for image, target in enumerate((3, 1)):
        at_logits = [literal_logit(network, small_pixels()[image], index) for index in range(shares.size(1))]
        by_class = [torch.autograd.grad(logit, seen) for logit, _, seen in at_logits]
        _, _, weights = at_logits[0]
        slopes = shares[image, target] * (torch.eye(shares.size(1))[target] - shares[image])
        gradients = [
            sum(s * each for s, each in zip(slopes, layer, strict=True)) for layer in zip(*by_class, strict=True)
        ]
        products = [(each.detach() * gradient).clamp(min=0) for each, gradient in zip(weights, gradients, strict=True)]
        heads = len(products) // 2
        total = torch.eye(10, dtype=torch.float64)
        for start in (0, heads):
            total = total + sum(products[start : start + heads]) / heads @ total
        np.testing.assert_allclose(found[image], total[0, 1:].numpy(), rtol=1e-5)


def test_rules_without_gradients_are_refused() -> None:
    with pytest.raises(UsageError, match="rules=libra has no effect without gradients: add fusion=gradient"):
        parse_spec("rollout:rules=libra")


def test_rows_that_keep_their_sums() -> None:
    """F by its largest row sum, mixed with the identity, and not divided again; for mean fusion both are the same."""
    network: Any = small_vit(depth=3)
    targets = torch.tensor([3, 1])
    run = ForwardPass(wrap_model(network), small_pixels(), [Fusion()], gradients=1).for_target(targets)
    found = parse_spec("rollout:fusion=gradient,rows=kept,residual=0.3,layers=1:2")(run).values
    for image in range(2):
        row = torch.eye(10, dtype=torch.float64)[:1]
        for layer in (2, 1):
            fused = run.fused(Fusion("gradient"), layer)[image]
            row = row @ (0.7 * fused / fused.sum(1).max() + 0.3 * torch.eye(10, dtype=torch.float64))
        np.testing.assert_allclose(found[image], row[0, 1:].numpy(), rtol=1e-6)
    same = (parse_spec(f"rollout:rows={rows}")(run).values for rows in ("kept", "shares"))
    np.testing.assert_allclose(next(same), next(same), rtol=1e-5)
    scaled: Any = small_vit(depth=3)
    with torch.no_grad():
        scaled.head.weight *= 7
    other = ForwardPass(wrap_model(scaled), small_pixels()).for_target(targets)
    again = parse_spec("rollout:fusion=gradient,rows=kept,residual=0.3,layers=1:2")(other).values
    np.testing.assert_allclose(again, found, rtol=1e-6)


def without_biases(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("bias", "b_q", "b_v")):
                parameter.zero_()
    return network


@pytest.mark.parametrize("name", FAMILIES)
def test_complete_without_biases(name: str) -> None:
    """All tokens' scores at each block's input add up to the output: norms, gates and pools lose nothing."""
    network = without_biases(network_of(name, num_classes=7).double())
    run = ForwardPass(wrap_model(network), pixels_for(network).double())
    traced = run.traced(1, LIBRA)
    entering, output = traced.entering, traced.output
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    explained = (output * weights).sum((1,))
    for tokens, gradient in zip(entering, torch.autograd.grad(explained.sum(), entering), strict=True):
        torch.testing.assert_close((tokens * gradient).sum((1, 2)), explained)
    network_of.cache_clear()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_known_to_have_rules(name: str) -> None:
    """What comes before the patch embedding, such as a convolutional network, needs none."""
    assert no_rule(wrap_model(network_of(name))) is None
    network_of.cache_clear()


def test_keys_that_several_heads_share_have_a_rule() -> None:
    """Sapiens repeats them for the heads that read them."""
    sizes = {"img_size": 32, "patch_size": 8, "num_classes": 5}
    check_rules(build("vit_large_patch16_sapiens2", num_kv_heads=(2, 4), **sizes))


@pytest.mark.parametrize("residual", [0.0, 0.5])
def test_attn_lrp_is_complete_but_for_the_softmax(residual: float) -> None:
    """The softmax hands on other than what it got (proposition 3.1): here nothing of what it makes goes on."""
    network: Any = without_biases(small_vit(depth=3, class_token=False, global_pool="avg"))
    with torch.no_grad():
        for block in network.blocks:
            block.attn.proj.weight.zero_()
    run = ForwardPass(wrap_model(network), small_pixels())
    logits = run.output.max(1).values.double().numpy()
    for layer in (1, 2, 3):
        scores = parse_spec(f"attn-lrp:layers={layer},residual={residual}")(run).values
        np.testing.assert_allclose(scores.sum(1), logits, rtol=1e-6)


@pytest.mark.parametrize("spec", ["libra", "libra:layers=2:3", "attn-lrp:layers=1:3", "attn-lrp:layers=2:3,smooth=0.5"])
def test_by_layer_is_the_sum_up_to_each_layer(spec: str) -> None:
    method: Any = parse_spec(spec)
    run = ForwardPass(wrap_model(small_vit(depth=3)), small_pixels())
    first, last = method.layers or (1, 3)
    found = scores_by_layer(method, run)
    assert list(found) == list(range(first, last + 1))
    for layer, scores in found.items():
        alone = parse_spec(f"{method.name}:layers={first}:{layer},smooth={method.smooth}")(run)
        np.testing.assert_allclose(scores.values, alone.values, rtol=1e-9, atol=1e-12)
        assert (scores.layers, scores.unit) == (alone.layers, alone.unit)


@pytest.mark.parametrize("spec", ["libra", "attn-lrp:layers=1:2,residual=0.5"])
def test_other_questions_share_the_forward_pass(spec: str) -> None:
    """What lowers a class has the opposite scores, a difference of logits their difference; likeness works, too."""
    method = parse_spec(spec)
    run = ForwardPass(wrap_model(small_vit()), small_pixels())
    one, other = (method(run.for_target(torch.tensor([each] * 2))).values for each in (0, 4))
    np.testing.assert_allclose(method(run.for_target(torch.tensor([-1, -1]))).values, -one, rtol=1e-9)
    against = run.for_target(torch.tensor([0, 0]), torch.tensor([4, 4]))
    np.testing.assert_allclose(method(against).values, one - other, rtol=1e-7, atol=1e-10)
    like = method(run.for_reference(torch.ones(1, 5, dtype=torch.float64)))
    assert np.abs(like.values).max() > 0 and "similarity" in like.unit


def test_written_out_attention_is_the_same() -> None:
    network = small_vit()
    written_out = wrap_model(network)
    for module in written_out.network.module.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]
    found, expected = (
        Libra()(ForwardPass(model, small_pixels())).values for model in (written_out, wrap_model(network))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_rules_leave_the_outputs_as_they_are() -> None:
    network = small_vit()
    run = ForwardPass(wrap_model(network), small_pixels())
    for rules in (ATTN_LRP, LIBRA):
        torch.testing.assert_close(run.traced(1, rules).output, network(small_pixels()))
