"""Trace: one forward pass that stays differentiable, from the patch embeddings to the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitexplain.capture.attention import capture_network
from vitexplain.capture.batch_norm import AffineBatchNorm
from vitexplain.capture.relevance_rules import RelevanceRules
from vitexplain.capture.traced_call import TracedCall
from vitexplain.errors import ModelError
from vitexplain.networks import Network
from vitexplain.networks.twin import OnCall, twin_of


@contextmanager
def with_gradients() -> Iterator[None]:
    """Record gradients inside, even if the caller runs in inference mode or without them; those of BatchNorm, too."""
    with torch.inference_mode(False), torch.enable_grad(), AffineBatchNorm():
        yield


@dataclass(frozen=True, eq=False)
class Trace:
    """The tensors of one forward pass in autograd's graph.

    output: what the network returned. begin: the tensor at which the graph begins: for `first` 1 the patch embeddings
    as the network makes them, (B, P, D) or (B, rows, cols, D), without positions; for a higher `first` the tokens
    that enter that layer. calls: by the number of its layer, every attention call from layer `first` on; an attention
    pool is layer L + 1. entering: the tokens that enter each block from layer `first` on. blocks: the tokens that leave
    each block. Tokens are in the network's own layout.
    """

    output: Tensor
    first: int
    begin: Tensor
    calls: Mapping[int, TracedCall]
    entering: tuple[Tensor, ...]
    blocks: tuple[Tensor, ...]


def trace(
    network: Network,
    pixels: Tensor,
    on_attention: Callable[[Tensor, slice], None],
    first: int = 1,
    rules: RelevanceRules | None = None,
) -> Trace:
    """Run pixels (B, 3, H, W) through the network, with gradients from layer `first` on.

    `on_attention` sees the weights. `rules`: those of other gradients than autograd's own.
    """
    begun: list[Tensor] = []
    calls: dict[int, TracedCall] = {}
    entering: list[Tensor] = []
    blocks: list[Tensor] = []

    def begin(output: Tensor) -> Tensor:
        begun.append(output.detach().clone().requires_grad_())
        return begun[0].clone()  # positions may be added in place

    def block(forward: Callable[..., Tensor], tokens: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if len(blocks) >= first - 1:
            # Between stages tokens may be merged, or laid out otherwise, before a module is called.
            layer = len(blocks) + 1
            below = blocks[-1] if blocks else tokens
            alike = tokens.shape == below.shape and network.layout_at(layer) == network.layout_at(layer - 1)
            entering.append(tokens if alike else below)
        output = forward(tokens, *args, **kwargs)
        # The input of layer `first` is the output of the block below it.
        blocks.append(begin(output) if len(blocks) == first - 2 else output)
        return blocks[-1]

    def attend(call: TracedCall) -> None:
        if len(blocks) >= first - 1:
            calls[len(blocks) + 1] = call

    parts: dict[str, OnCall] = dict.fromkeys(network.blocks, block)
    if first == 1:
        parts[network.embedding] = lambda forward, *args, **kwargs: begin(forward(*args, **kwargs))
    watched = network.with_module(twin_of(network.module, parts))

    def run(given: Tensor) -> Tensor:
        # Inside capture, which answers what the rules make of an attention call.
        return watched(given) if rules is None else rules.run(watched, given)

    with with_gradients():
        given = pixels.clone() if pixels.is_inference() else pixels
        output = capture_network(network, run, given, on_attention, attend)
    if not begun or len(blocks) != len(network.blocks):
        raise ModelError("the model's forward does not run the modules that it is made of: give it as it was built")
    return Trace(output, first, begun[0], calls, tuple(entering), tuple(blocks))
