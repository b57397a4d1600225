"""`nn.MultiheadAttention` in all three modes: the same outputs, weights in the graph of gradients, masks kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitexplain.capture import DroppedTokens, RelevanceRules, TracedCall, capture
from vitexplain.errors import ModelError

OPTIONS: dict[str, dict[str, Any]] = {
    "batch first": {"batch_first": True},
    "tokens first": {"batch_first": False},
    "without bias": {"batch_first": True, "bias": False},
    "other widths": {"batch_first": True, "kdim": 6, "vdim": 5},
}


class Network(nn.Module):
    """One attention from 3 queries to 5 keys, 2 heads."""

    def __init__(self, masked: str = "", **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = nn.MultiheadAttention(8, 2, **options)
        kdim, vdim = options.get("kdim", 8), options.get("vdim", 8)
        self.given = [torch.randn(4, count, width) for count, width in ((3, 8), (5, kdim), (5, vdim))]
        if not options.get("batch_first"):
            self.given = [tensor.transpose(0, 1).contiguous() for tensor in self.given]
        self.masks: dict[str, Tensor] = {}
        if "attention" in masked:
            self.masks["attn_mask"] = torch.tensor([[False] * 4 + [True]] * 3)
        if "padding" in masked:
            self.masks["key_padding_mask"] = torch.tensor([[True] + [False] * 4] * 4)

    def forward(self, scale: Tensor) -> Tensor:
        query, key, value = self.given
        output: Tensor = self.attention(query * scale, key, value, need_weights=False, **self.masks)[0]
        return output


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("masked", ["", "attention", "padding", "attention and padding"])
@pytest.mark.parametrize("kind", OPTIONS)
def test_outputs_and_weights(kind: str, masked: str, gradients: bool) -> None:
    network = Network(masked, **OPTIONS[kind])
    one = torch.ones(())
    seen: list[Tensor] = []
    with torch.set_grad_enabled(gradients):
        output = capture(network, one, lambda weights, _: seen.append(weights.detach().clone()))
        plain = network(one)
        _, expected = network.attention(*network.given, average_attn_weights=False, **network.masks)
    torch.testing.assert_close(output, plain)
    torch.testing.assert_close(torch.cat(seen), expected)


@pytest.mark.parametrize("kind", OPTIONS)
def test_weights_are_in_the_graph_of_gradients(kind: str) -> None:
    network = Network(**OPTIONS[kind])
    calls: list[TracedCall] = []
    output = capture(network, torch.ones(()), lambda *_: None, calls.append)
    seen: list[Tensor] = []
    with calls[0].watched(lambda _, gradient, __: seen.append(gradient.clone())):
        torch.autograd.grad(output.square().sum(), tuple(network.parameters()), allow_unused=True)
    assert torch.cat(seen).shape == (4, 2, 3, 5) and torch.cat(seen).abs().max() > 0


def test_dropped_tokens_are_not_read() -> None:
    network = Network("padding", batch_first=True)
    kept = torch.tensor([[True, True, True, False, True]] * 4)
    with DroppedTokens(kept, 1):
        dropped = network(torch.ones(()))
    network.masks["key_padding_mask"] = network.masks["key_padding_mask"] | ~kept
    torch.testing.assert_close(dropped, network(torch.ones(())))


def test_relevance_rules_keep_the_output() -> None:
    """Where keys and values do not vary no product is shared, and the rules are the gradient."""
    network = Network(batch_first=True)
    scale = torch.ones((), requires_grad=True)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    plain = network(scale)
    with RelevanceRules("model"):
        output = network(scale)
    torch.testing.assert_close(output, plain)
    (rule,) = torch.autograd.grad(output.sum(), scale)
    (gradient,) = torch.autograd.grad(plain.sum(), scale)
    torch.testing.assert_close(rule, gradient)


def test_keys_that_are_no_tokens_are_refused() -> None:
    refused: list[dict[str, Any]] = [{"add_zero_attn": True}, {"add_bias_kv": True}]
    for options in refused:
        with pytest.raises(ModelError, match="keys that are no tokens"):
            capture(Network(batch_first=True, **options), torch.ones(()), lambda _weights, _images: None)
