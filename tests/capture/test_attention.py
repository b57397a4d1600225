"""Capture: every kind of attention call is seen, answered as before, and nothing is left behind."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vitexplain.capture import TracedCall, capture
from vitexplain.capture.linear import linear


class Calls(nn.Module):
    """Makes one attention call in the way that is asked for."""

    def __init__(self, how: str, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.q, self.k, self.v = (torch.randn(2, 3, 5, 4, generator=generator).to(dtype) for _ in range(3))
        self.mask = torch.randn(2, 1, 5, 5, generator=generator).to(dtype)
        self.how = how

    def forward(self, _: Tensor) -> Tensor:
        call = functional.scaled_dot_product_attention
        q, k, v = self.q, self.k, self.v
        if self.how == "plain":
            return call(q, k, v)
        if self.how == "bias":
            return call(q, k, v, attn_mask=self.mask)
        if self.how == "boolean mask":
            return call(q, k, v, self.mask > -1)
        if self.how == "causal":
            return call(q, k, v, is_causal=True)
        if self.how == "scale":
            return call(q, k, v, scale=0.1)
        if self.how == "grouped":
            return call(q.repeat(1, 2, 1, 1), k, v, enable_gqa=True)
        if self.how == "one query":
            return call(q[:, :, :1], k, v)
        scores = q @ k.transpose(-2, -1) / 2
        return (scores.softmax(dim=-1) if self.how == "explicit method" else torch.softmax(scores, -1)) @ v


WAYS = ["plain", "bias", "boolean mask", "causal", "scale", "grouped", "one query"]


def seen_by(network: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the output under capture, and the weights of the only call."""
    parts: list[Tensor] = []
    output = capture(network, torch.zeros(2), lambda weights, _: parts.append(weights.clone()))
    return output, torch.cat(parts)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("gradients", [False, True])
def test_output_is_unchanged_and_weights_give_it(how: str, gradients: bool) -> None:
    network = Calls(how)
    with torch.set_grad_enabled(gradients):
        plain = network(torch.zeros(2))
        output, weights = seen_by(network)
    torch.testing.assert_close(output, plain, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    value = network.v.repeat_interleave(2, 1) if how == "grouped" else network.v
    torch.testing.assert_close(weights @ value, plain, rtol=1e-5, atol=1e-6)


def test_weights_equal_the_formula() -> None:
    network = Calls("bias")
    with torch.no_grad():
        _, weights = seen_by(network)
    scores = network.q @ network.k.transpose(-2, -1) / math.sqrt(4) + network.mask
    torch.testing.assert_close(weights, scores.softmax(-1))


@pytest.mark.parametrize("how", ["explicit method", "explicit torch"])
def test_softmax_written_out_is_seen(how: str) -> None:
    network = Calls(how)
    parts: list[Tensor] = []
    output = capture(network, torch.zeros(2), lambda weights, _: parts.append(weights.clone()))
    torch.testing.assert_close(parts[-1] @ network.v, output)


def test_multi_head_attention_is_seen() -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    tokens = torch.randn(3, 5, 8)

    class Network(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return attention(pixels, pixels, pixels, need_weights=False)[0]  # type: ignore[no-any-return]

    plain = Network()(tokens)
    parts: list[Tensor] = []
    output = capture(Network(), tokens, lambda weights, _: parts.append(weights.detach().clone()))
    torch.testing.assert_close(output, plain)
    expected = attention(tokens, tokens, tokens, average_attn_weights=False)[1]
    torch.testing.assert_close(torch.cat(parts), expected)


def test_half_precision_hands_over_float32() -> None:
    with torch.no_grad():
        output, weights = seen_by(Calls("plain", torch.bfloat16))
    assert (output.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))


@pytest.mark.parametrize("how", [*WAYS, "varying bias", "explicit method", "explicit torch"])
def test_gradients_are_those_of_attention_written_out(how: str) -> None:
    """At the inputs, and at the weights: seen by a backward pass that comes by, and by one that ends there."""
    network = Calls("bias" if how == "varying bias" else how)
    inputs = [tensor.requires_grad_() for tensor in (network.q, network.k, network.v)]
    if how == "varying bias":
        inputs.append(network.mask.requires_grad_())
    upstream = torch.randn(network(torch.zeros(2)).shape)
    expected = torch.autograd.grad(network(torch.zeros(2)), inputs, upstream)
    calls: list[TracedCall] = []
    output = capture(network, torch.zeros(2), lambda *_: None, calls.append)
    (call,) = calls
    passing: list[tuple[Tensor, Tensor]] = []
    with call.watched(lambda weights, gradient, _: passing.append((weights.clone(), gradient.clone()))):
        found = torch.autograd.grad(output, inputs, upstream, retain_graph=True)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    ending: list[tuple[Tensor, Tensor]] = []
    (at_node,) = torch.autograd.grad(output, call.node, upstream, retain_graph=True)
    call.hand_over(at_node, lambda weights, gradient, _: ending.append((weights.clone(), gradient.clone())))
    value = network.v.repeat_interleave(2, 1) if how == "grouped" else network.v
    for seen in (passing, ending):
        weights, gradient = (torch.cat(each) for each in zip(*seen, strict=True))
        torch.testing.assert_close(weights @ value, output, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradient, upstream @ value.transpose(2, 3), rtol=1e-5, atol=1e-6)
    torch.autograd.grad(output, inputs, upstream)  # watched no longer
    assert len(passing) == len(ending)


@pytest.mark.parametrize("tokens", [[0], [1, 3], [4], []])
def test_a_linear_function_whose_result_is_read_at_some_tokens(tokens: list[int]) -> None:
    value, weight, bias = torch.randn(2, 5, 3, requires_grad=True), torch.randn(4, 3), torch.randn(4)
    upstream = torch.zeros(2, 5, 4)
    upstream[1, tokens] = torch.randn(len(tokens), 4)
    (expected,) = torch.autograd.grad(functional.linear(value, weight, bias), value, upstream)
    (found,) = torch.autograd.grad(linear(value, weight, bias), value, upstream)
    torch.testing.assert_close(found, expected)


def test_the_mode_ends_with_the_call_also_after_an_error() -> None:
    network = Calls("plain")

    def fail(_: Tensor, __: slice) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        capture(network, torch.zeros(2), fail)
    before = functional.scaled_dot_product_attention
    network(torch.zeros(2))
    assert functional.scaled_dot_product_attention is before


@pytest.mark.parametrize("masked", [False, True])
def test_windows_as_a_second_dimension_are_calls_of_their_own(masked: bool) -> None:
    query, key, value = torch.randn(3, 2, 4, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(1)) if masked else None
    seen: list[Tensor] = []

    def run(given: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(given, key, value, mask)

    found = capture(run, query, lambda weights, _: seen.append(weights.clone()))
    torch.testing.assert_close(found, run(query))
    scores = query @ key.mT / math.sqrt(6)
    expected = torch.softmax(scores if mask is None else scores + mask, -1)
    torch.testing.assert_close(torch.cat(seen), expected.flatten(0, 1))
