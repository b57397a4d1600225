"""Gradients of a logit at the attention and the beginning of a traced forward pass, from one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vitexplain.attention import fuse_by_gradient
from vitexplain.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class Gradients:
    """What the gradients of the target's logit say, detached, one entry an image.

    first: the layer at which they begin. attention: by the number of its layer, the attention fused by its gradient,
    (B, N, N), or (B * windows, n, m); an attention pool, (B, 1, N), is layer L + 1. inputs: the gradients at the tokens
    that enter the layers from `first` on. begin: the gradient at the patch embeddings, shaped like them. Empty, or
    None, where not asked for.
    """

    first: int
    attention: Mapping[int, Tensor]
    inputs: tuple[Tensor, ...] = ()
    begin: Tensor | None = None


def gradients_of(logit: Tensor, traced: Trace, *, at_attention: bool = True, at_inputs: bool = False) -> Gradients:
    """Return the gradients of a logit, a number, that was computed from the traced output, from one backward pass.

    Each call's gradient (b, H, Q, N) is fused as the backward pass reaches it, so that only one is kept at a time.
    Those at attention alone end at the lowest call; with those at the inputs of layers, and where the trace begins at
    the patch embeddings, the pass goes on to the beginning.
    """
    fused: dict[int, Tensor] = {}

    def take(layer: int, weights: Tensor, gradient: Tensor, images: slice) -> None:
        if layer not in fused:
            fused[layer] = weights.new_empty(len(traced.calls[layer].node), *weights.shape[2:])
        fused[layer][images] = fuse_by_gradient(weights, gradient)

    ends_early = traced.first > 1 and not at_inputs
    with ExitStack() as watching:
        lowest = min(traced.calls, default=0)
        for layer, call in traced.calls.items():
            if at_attention and not (ends_early and layer == lowest):
                watching.enter_context(call.watched(partial(take, layer)))
        if ends_early:
            (gradient,) = torch.autograd.grad(logit, traced.calls[lowest].node, retain_graph=True)
            traced.calls[lowest].hand_over(gradient, partial(take, lowest))
            return Gradients(traced.first, fused)
        inputs = traced.entering if at_inputs else ()
        begin, *at = torch.autograd.grad(logit, [traced.begin, *inputs], retain_graph=True)
    return Gradients(traced.first, fused, tuple(at), begin if traced.first == 1 else None)
