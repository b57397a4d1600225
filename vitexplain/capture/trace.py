"""Trace: one forward pass that stays differentiable, from the patch embeddings to the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.capture.attention import capture
from vitexplain.capture.observed import observed
from vitexplain.networks import Network


@contextmanager
def with_gradients() -> Iterator[None]:
    """Record gradients inside, also where the caller runs in inference mode or without them."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@dataclass(frozen=True, eq=False)
class Trace:
    """The tensors of one forward pass, still in the graph of gradients.

    output: what the network returned. embeddings: the patch embeddings as the network makes them, (B, P, C) or
    (B, rows, cols, C), without positions; the graph starts there. calls: the post-softmax weights of every attention
    call in order, (B, H, Q, N). blocks: the tokens (B, N, C) that leave each block.
    """

    output: Tensor
    embeddings: Tensor
    calls: tuple[Tensor, ...]
    blocks: tuple[Tensor, ...]


def trace(network: Network, pixels: Tensor, on_attention: Callable[[Tensor, slice], None]) -> Trace:
    """Run pixels (B, 3, H, W) through the network with gradients on; `on_attention` sees the weights, detached."""
    embeddings: list[Tensor] = []
    calls: list[Tensor] = []
    blocks: list[Tensor] = []

    def begin(output: Tensor) -> Tensor:
        embeddings.append(output.detach().clone().requires_grad_())
        return embeddings[0]

    def leave(output: Tensor) -> Tensor:
        blocks.append(output)
        return output

    def attend(weights: Tensor, images: slice) -> None:
        calls.append(weights)
        on_attention(weights.detach(), images)

    watched = observed(network, {network.embedding: begin, **dict.fromkeys(network.blocks, leave)})
    with with_gradients():
        output = capture(watched, pixels.clone() if pixels.is_inference() else pixels, attend)
    return Trace(output, embeddings[0], tuple(calls), tuple(blocks))
